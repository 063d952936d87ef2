"""Pictures as files hold them, PNG or JPEG, with a class each: from the hub or a local folder.

A local folder is one that `datasets` saved (`save_to_disk`), or holds parquet files whose names
begin with their split's: train-00000-of-00001.parquet, data/test.parquet.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iterun.data.cache import digest, file_digest
from iterun.data.hub import first_line
from iterun.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

OFFLINE = "data=digits, or a folder of your own: data.path=FOLDER"
IMAGE_COLUMNS = ("img", "image")
DATA = (".parquet", ".arrow")
PICTURES = (".jpeg", ".jpg", ".png")
SAVED = "dataset_dict.json"  # of save_to_disk, in a folder of splits


class Cells(Protocol):
    def __getitem__(self, i: int, /) -> Any: ...


class Encoded:
    """Encoded pictures of one split.

    Args:
        cells: one a picture: {"bytes": ..., "path": ...}, one of them None.
        classes: one a picture.
    """

    def __init__(self, cells: Cells, classes: Sequence[int]) -> None:
        self._cells = cells
        self.classes = classes

    def __len__(self) -> int:
        return len(self.classes)

    def open(self, i: int) -> Image.Image:
        """The picture by number, decoded when it is looked at."""
        from PIL import Image

        cell = self._cells[i]
        content = cell["bytes"]
        return Image.open(cell["path"] if content is None else io.BytesIO(content))


class _Column:
    """The image column of a `datasets.Dataset`, row by row."""

    def __init__(self, rows: Any, name: str) -> None:
        self._rows, self._name = rows, name

    def __getitem__(self, i: int, /) -> Any:
        return self._rows[i][self._name]


def of_dataset(rows: Any, setting: str, label: str) -> Encoded:
    """A `datasets.Dataset` with columns of pictures and classes.

    Args:
        rows: the data set.
        setting: as typed, for the message.
        label: name of the column of classes.
    """
    from datasets import Image

    image = _image_column(rows.column_names, setting, label)
    rows = rows.select_columns([image, label]).cast_column(image, Image(decode=False))
    return Encoded(_Column(rows, image), rows[label][:])


def of_folder(path: str, split: str, label: str) -> Encoded:
    """One split of a local folder.

    Args:
        path: the folder.
        split: its name in there.
        label: name of the column of classes.

    Raises:
        ConfigError: there is none, or it holds no such split.
        UnavailableError: the package that reads it is not installed.
    """
    folder, setting = existing_folder(path), f"data.path={path}"
    if find_spec("datasets") is None:
        raise UnavailableError(
            f"{setting} needs the package datasets", hint='pip install "iterun[hub]"'
        )
    if (folder / SAVED).is_file():
        import datasets

        try:
            saved = datasets.load_from_disk(str(folder))
            return of_dataset(saved[split], setting, label)
        except (KeyError, OSError, ValueError) as error:
            raise _unreadable(setting, split, error) from error
    return _of_parquet(folder, split, setting, label)


def fingerprint(path: str) -> str:
    """A local folder's data files by content; its picture files by name and size.

    There may be a million of the latter: reading them all would take hours.
    """
    folder = existing_folder(path)
    found = []
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.suffix in DATA:
            found.append(f"{name} {file_digest(file)}")
        elif file.suffix.lower() in PICTURES:
            found.append(f"{name} {file.stat().st_size}")
    return digest(*found)


def existing_folder(path: str) -> Path:
    """The folder that `data.path` names.

    Raises:
        ConfigError: it is not there.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise ConfigError(
            f"data.path={path}: there is no such folder", hint=f"the current one is {Path.cwd()}"
        )
    return folder


def _of_parquet(folder: Path, split: str, setting: str, label: str) -> Encoded:
    import pyarrow
    import pyarrow.parquet

    files = [f for f in sorted(folder.rglob("*.parquet")) if f.name.startswith(split)]
    if not files:
        raise ConfigError(
            f"{setting} holds neither {SAVED} nor {split}*.parquet",
            hint="save it with datasets' save_to_disk, or leave data.path away to fetch it",
        )
    try:
        parts = [pyarrow.parquet.read_table(file) for file in files]
        image = _image_column(parts[0].column_names, setting, label)
        table = pyarrow.concat_tables([part.select([image, label]) for part in parts])
    except (pyarrow.ArrowException, OSError, KeyError) as error:
        raise _unreadable(setting, split, error) from error
    return Encoded(table[image].to_pylist(), table[label].to_pylist())


def _image_column(names: Sequence[str], setting: str, label: str) -> str:
    """The image column's name, of those that the hub's copies have."""
    found = [name for name in IMAGE_COLUMNS if name in names]
    if not found or label not in names:
        raise ConfigError(
            f"{setting} has the columns {', '.join(names)}; img (or image) and {label} are needed",
            hint=f"rename them, as in dataset.rename_column('class', '{label}')",
        )
    return found[0]


def _unreadable(setting: str, split: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"{setting}: its split {split} cannot be read: {first_line(error)}",
        hint="save it anew with datasets' save_to_disk, or leave data.path away to fetch it",
    )

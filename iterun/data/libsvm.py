"""Classification sets in LIBSVM's format: `label index:value ...`, a sample a line.

Files may be packed by gzip or bzip2.
https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets has them: a1a, covtype, pendigits, ...
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest
from iterun.data.hub import first_line
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

TEST_SHARE = 0.2
MOST_CLASSES = 1000  # more distinct labels than that are a regression's


@dataclass(frozen=True, eq=False)
class Samples:
    """One split."""

    x: Any  #: scipy's csr_matrix, float64 (n, features)
    y: NDArray[np.int64]  #: classes from 0, (n,)


@dataclass(frozen=True, eq=False, kw_only=True)
class LabeledTable:
    """Samples to train on and to test with."""

    name: str
    fingerprint: str
    n_features: int
    n_classes: int
    train: Samples
    test: Samples


def libsvm(
    *, name: str = "libsvm", path: str | None = None, test: str | float = TEST_SHARE
) -> LabeledTable:
    """A set out of a file.

    Args:
        name: as typed after `data=`.
        path: the file.
        test: a file, or the share of `path` to set apart, the same samples in every run.

    Raises:
        ConfigError: a file is missing or not in this format, or its labels are no classes.
    """
    import numpy as np

    train_file, test_file = _files(path, test)
    files = {"data.path": train_file} | ({"data.test": test_file} if test_file else {})
    found = _read(files)
    classes, y = np.unique(np.concatenate([labels for _, labels in found]), return_inverse=True)
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ConfigError(
            f"data.path={path} has {len(classes)} distinct labels, which are no classes",
            hint=f"take a set of 2 to {MOST_CLASSES} classes",
        )
    train, held_out = _split([x for x, _ in found], y.astype(np.int64), test)
    if not (len(train.y) and len(held_out.y)):
        raise ConfigError(
            f"data.test={test} leaves nothing to train on or to test with",
            hint="as in data.test=0.2, or a file",
        )
    return LabeledTable(
        name=name,
        fingerprint=fingerprint({"path": path, "test": test}),
        n_features=train.x.shape[1],
        n_classes=len(classes),
        train=train,
        test=held_out,
    )


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the files' content.

    Raises:
        ConfigError: there is no such file.
    """
    test = settings.get("test", TEST_SHARE)
    files = _files(settings.get("path"), test)
    return digest(*(str(test) if file is None else file.read_bytes() for file in files))


def _files(path: object, test: str | float | None) -> tuple[Path, Path | None]:
    if not path:
        raise ConfigError(
            "data=libsvm needs a file: data.path is empty", hint="as in data.path=a1a.txt"
        )
    if not isinstance(test, str):
        if not isinstance(test, int | float) or not 0 < test < 1:
            typed = "null" if test is None else test
            raise ConfigError(
                f"data.test={typed} is neither a share nor a file", hint="as in data.test=0.2"
            )
        return _existing("data.path", str(path)), None
    return _existing("data.path", str(path)), _existing("data.test", test)


def _split(x: list[Any], y: NDArray[np.int64], test: str | float) -> tuple[Samples, Samples]:
    """To train on and to test with: two files as they are, or one apart by a share.

    Args:
        x: features of each file.
        y: classes, of all files in one row.
        test: share of the one file.
    """
    import numpy as np

    n = x[0].shape[0]
    if len(x) == 2:
        return Samples(x[0], y[:n]), Samples(x[1], y[n:])
    order = np.random.default_rng(0).permutation(n)
    n_test = round(float(test) * n)
    train, held_out = np.sort(order[n_test:]), np.sort(order[:n_test])
    return Samples(x[0][train], y[train]), Samples(x[0][held_out], y[held_out])


def _existing(setting: str, path: str) -> Path:
    found = Path(path).expanduser()
    if not found.is_file():
        raise ConfigError(
            f"{setting}={path}: there is no such file", hint="fetch it and name it, as in "
            f"{setting}=a1a.txt",
        )  # fmt: skip
    return found


def _read(files: Mapping[str, Path]) -> list[tuple[Any, NDArray[np.float64]]]:
    """Features and labels of each; all have the features of the widest.

    Args:
        files: by the setting that names them.
    """
    import numpy as np
    from sklearn.datasets import load_svmlight_files

    try:
        parts = load_svmlight_files([str(file) for file in files.values()])
    except (ValueError, OSError, EOFError) as error:
        if len(files) > 1:  # the library doesn't say which
            for setting, file in files.items():
                _read({setting: file})
        setting, file = next(iter(files.items()))
        raise ConfigError(
            f"{setting}={file} cannot be read as a LIBSVM file: {first_line(error)}",
            hint="a line is `label index:value index:value ...`, indices ascending",
        ) from error
    found = list(zip(parts[::2], parts[1::2], strict=True))
    for (setting, file), (x, y) in zip(files.items(), found, strict=True):
        if not (np.isfinite(x.data).all() and np.isfinite(y).all()):
            raise ConfigError(
                f"{setting}={file} has numbers that are not finite", hint="leave those samples out"
            )
    return found

"""Rows of the user's own files: JSON lines, JSON and Parquet, one file or a folder of them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from iterun.errors import ConfigError, UnavailableError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".parquet")


def read_rows(path: str, split: str | None = None) -> list[dict[str, Any]]:
    """All rows, in the order of the files' names.

    Args:
        path: a file or a folder, as typed after data.path=.
        split: in a folder with files of several splits, those named so: "test".

    Raises:
        ConfigError: there is no such file, or it holds no table.
        UnavailableError: it is a Parquet file, and nothing to read it with is installed.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        files = sorted(file for file in place.iterdir() if file.name.endswith(SUFFIXES))
        of_split = [file for file in files if split and file.name.startswith(split)]
        files = of_split or files
        if not files:
            raise ConfigError(
                f"data.path={path}: the folder has no file that ends in {', '.join(SUFFIXES)}",
                hint="name the file itself: data.path=FOLDER/FILE.jsonl",
            )
    elif place.is_file():
        files = [place]
    else:
        raise ConfigError(
            f"data.path={path}: there is no such file", hint=f"the current folder is {Path.cwd()}"
        )
    return [row for file in files for row in _rows_of(file)]


def _rows_of(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        return _parquet(file)
    try:
        data = file.read_bytes()
        text = (gzip.decompress(data) if file.suffix == ".gz" else data).decode()
        rows = json.loads(text) if file.suffix == ".json" else _lines(text)
    except (OSError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ConfigError(
            f"data.path={file} cannot be read: {error}", hint="save it as JSON lines in UTF-8"
        ) from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(
            f"data.path={file} is no list of objects", hint="write one JSON object a line"
        )
    return rows


def _lines(text: str) -> list[Any]:
    # Not splitlines: a JSON string may hold line separators of Unicode as they are.
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def _parquet(file: Path) -> list[dict[str, Any]]:
    import pandas as pd

    try:
        rows = pd.read_parquet(file).to_dict("records")
    except ImportError as error:
        raise UnavailableError(
            f"data.path={file} needs the package pyarrow", hint='pip install "iterun[parquet]"'
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"data.path={file} cannot be read: {error}", hint="save it as JSON lines in UTF-8"
        ) from error
    return [{str(key): _plain(value) for key, value in row.items()} for row in rows]


def _plain(value: Any) -> Any:
    """Lists come as arrays."""
    return value.tolist() if hasattr(value, "tolist") else value

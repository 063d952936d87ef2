"""The iterations of many runs as one table: a row an iteration, a column a metric, cost or label.

Metrics stand under their bare names, costs as `cost.NAME`, labels as `label.NAME`; a metric whose
name a column of every row has already stands as `metrics.NAME`. Runs are read twice, once for the
names and once for the rows, one at a time: the table may be larger than memory.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any, TextIO

from iterun.errors import ConfigError, StoreError, UnavailableError
from iterun.store import disk
from iterun.store.encoding import as_float
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

TEXTS = ("id", "system", "signature")  #: of every row, as are the next
FIRST = (*TEXTS, "seed", "i", "time", "seconds")
_AT_ONCE = 50_000  # rows of a parquet row group
Line = dict[str, Any]


class Table:
    """The table of these runs, its columns known and its rows still on the disk.

    Args:
        runs: the runs; those that can't be read are left out.
    """

    def __init__(self, runs: Sequence[Row]) -> None:
        self.runs = runs
        self.columns: dict[str, type] = dict.fromkeys(FIRST, float)
        self.columns |= dict.fromkeys(TEXTS, str) | dict.fromkeys(("seed", "i"), int)
        self.problems: list[StoreError] = []  #: of runs that are left out
        self.n_rows = 0  #: that were given out
        self._runs: list[Row] = []
        numbers: dict[str, None] = {}
        texts: dict[str, None] = {}
        for run in runs:
            try:
                found = RunView(run.path).iterations()
            except StoreError as error:
                self.problems.append(error)
                continue
            self._runs.append(run)
            self._widen("seed", run.seed)
            for line in found:
                self._widen("i", line.i)
                numbers.update(dict.fromkeys(map(_metric, line.metrics)))
                numbers.update(dict.fromkeys(f"cost.{name}" for name in line.cost))
                texts.update(dict.fromkeys(f"label.{name}" for name in line.labels))
        self.columns |= dict.fromkeys(numbers, float) | dict.fromkeys(texts, str)

    def _widen(self, name: str, value: object) -> None:
        """Keep all digits of a number that 64 bits do not hold."""
        if _kind(value) is float:
            self.columns[name] = str

    def rows(self) -> Iterator[Line]:
        """A dict a row; what an iteration does not have is left out."""
        for run in self._runs:
            try:
                found = RunView(run.path).iterations()
            except StoreError as error:  # removed since its names were read
                self.problems.append(error)
                continue
            for line in found:
                self.n_rows += 1
                yield _row(run, line)


def _row(run: Row, line: Iteration) -> Line:
    return {
        "id": run.id, "system": run.system, "signature": run.signature, "seed": run.seed,
        "i": line.i, "time": line.time, "seconds": line.seconds,
        **{_metric(name): value for name, value in line.metrics.items()},
        **{f"cost.{name}": value for name, value in line.cost.items()},
        **{f"label.{name}": word for name, word in line.labels.items()},
    }  # fmt: skip


def _metric(name: str) -> str:
    clashes = name in FIRST or name.startswith(("cost.", "label.", "metrics."))
    return f"metrics.{name}" if clashes else name


def write_csv(stream: TextIO, columns: Mapping[str, type], rows: Iterator[Line]) -> None:
    """RFC 4180 but for the line feed; what is not there is empty, half characters are `?`."""
    writer = csv.DictWriter(
        _Whole(stream), list(columns), lineterminator="\n", extrasaction="ignore"
    )
    writer.writeheader()
    writer.writerows(rows)


def write_csv_file(path: Path, columns: Mapping[str, type], rows: Iterator[Line]) -> None:
    """As `write_csv`, in UTF-8."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        write_csv(file, columns, rows)


class _Whole:
    """A stream that takes every text."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = stream.encoding or "utf-8"  # None: text in memory

    def write(self, text: str) -> None:
        """Write it, what the stream has no character for as a question mark."""
        self._stream.write(text.encode(self._encoding, "replace").decode(self._encoding))


def write_parquet(path: Path, columns: Mapping[str, type], rows: Iterator[Line]) -> None:
    """Columns of float64, int64, bool and text; what is not there is null.

    Raises:
        UnavailableError: pyarrow is not installed.
    """
    pa, parquet = _pyarrow()
    kinds = {float: pa.float64(), int: pa.int64(), bool: pa.bool_(), str: pa.string()}
    schema = pa.schema([(_utf8(name), kinds[kind]) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for some in _groups(rows):
            made = [
                pa.array(_column(some, name, kind), kinds[kind]) for name, kind in columns.items()
            ]
            writer.write_table(pa.Table.from_arrays(made, schema=schema))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise UnavailableError(
            "parquet needs the package pyarrow, which is not installed",
            hint='pip install "iterun[parquet]", or --to csv',
        ) from error
    return pa, parquet


def _groups(rows: Iterator[Line]) -> Iterator[list[Line]]:
    some: list[Line] = []
    for row in rows:
        some.append(row)
        if len(some) == _AT_ONCE:
            yield some
            some = []
    yield some


def _column(rows: list[Line], name: str, kind: type) -> list[Any]:
    values = [row.get(name) for row in rows]
    if kind is str:
        return [None if value is None else _utf8(str(value)) for value in values]
    if kind is float:
        return [None if value is None else as_float(value) for value in values]
    return [None if value is None else kind(value) for value in values]


def _utf8(text: str) -> str:
    return text.encode(errors="replace").decode()


def kinds(rows: Sequence[Line]) -> dict[str, type]:
    """The columns of rows that are there already, each of the narrowest kind that holds it."""
    found: dict[str, set[type]] = {}
    for row in rows:
        for name, value in row.items():
            kind = found.setdefault(name, set())
            if value is not None and value != "":
                kind.add(_kind(value))
    return {name: _narrowest(kind) for name, kind in found.items()}


def _kind(value: object) -> type:
    """Its type; a whole number beyond 64 bits is a float."""
    is_large = type(value) is int and not -(2**63) <= value < 2**63
    return float if is_large else type(value)


def _narrowest(found: set[type]) -> type:
    if len(found) == 1 and found <= {bool, int, float}:
        return next(iter(found))
    return float if found and found <= {int, float} else str


def save(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside `path`, then give it that name: whole or not at all.

    Raises:
        ConfigError: there is no such folder, the path is one, or it can't be written.
    """
    hint = "name a file, as in --out iterations.csv"
    try:
        if fault := _unfit(path):
            raise ConfigError(f"--out {path} {fault}", hint=hint)
        disk.save_beside(path, write)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"--out {path} can't be written: {why}", hint=hint) from error


def _unfit(path: Path) -> str:
    """Why no file can have this name; empty: one can."""
    if path.is_dir():
        return "is a folder"
    if path.exists() and not path.is_file():
        return "is a device or a pipe, which a file would replace"
    return "" if path.absolute().parent.is_dir() else "is in no folder that is there"

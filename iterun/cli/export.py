"""`iterun export`: runs as a table, or told to another tool."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from iterun.cli import formats, picked
from iterun.cli.console import Span, err, out
from iterun.cli.figures import count
from iterun.cli.ls import tell_problems
from iterun.cli.text import clean
from iterun.errors import ConfigError, nearest
from iterun.store import paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.analysis.iterations import Line
    from iterun.errors import StoreError
    from iterun.store.rows import Row

TABLES = ("csv", "parquet")
TOOLS = ("tensorboard", "mlflow", "wandb", "trackio")


def export(
    words: Sequence[str], *, to: str, place: str | None, what: str, as_json: bool,
    outputs: str | None,
) -> int:  # fmt: skip
    """Export the runs meant; the exit status.

    Args:
        words: names of runs and conditions.
        to: "csv", "parquet" or a tool.
        place: where to; None: where it is usual.
        what: "iterations" or "runs": the rows of a table.
        as_json: tell what was written as JSON.
        outputs: the folder with the runs.

    Raises:
        IterunError: it can't be done.
    """
    _known("to", to, (*TABLES, *TOOLS))
    _known("what", what, ("iterations", "runs"))
    root = paths.outputs_root(outputs)
    with Index(root) as index:
        rows = _rows(index, words)
    if to in TABLES:
        return _to_table(rows, to, place, what, as_json=as_json)
    if what != "iterations":
        raise ConfigError(
            f"--what {what} is for tables: {to} takes whole runs", hint="leave it away, or --to csv"
        )
    from iterun.cli import telling

    return telling.tell(rows, telling.tracker(to, place, root), as_json=as_json)


def _known(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        near = nearest(value, known, n=1) or known
        raise ConfigError(
            f"--{option} {value}: there is no such choice",
            hint=" or ".join(f"--{option} {name}" for name in near),
        )


def _rows(index: Index, words: Sequence[str]) -> list[Row]:
    if not words:
        raise ConfigError(
            "export needs runs", hint="as in iterun export @-1, or iterun export task=prune"
        )
    found = picked.runs(index, words)
    for row, iteration in found:
        if iteration is not None:
            raise ConfigError(
                f"{row.id}@{iteration} is one iteration: whole runs are exported",
                hint=f"iterun export {row.id}",
            )
    return [row for row, _ in found]


def _to_table(rows: Sequence[Row], to: str, place: str | None, what: str, *, as_json: bool) -> int:
    from iterun.analysis import iterations

    if place is None and (to == "parquet" or as_json):
        raise ConfigError(
            f"--to {to}{' --json' * as_json} needs a file to write to",
            hint=f"as in --out {what}.{to}",
        )
    table: Rows = _Runs(rows) if what == "runs" else iterations.Table(rows)
    write = iterations.write_parquet if to == "parquet" else iterations.write_csv_file
    if place is None:
        _print_csv(table)
    else:
        iterations.save(Path(place), lambda path: write(path, table.columns, table.rows()))
    tell_problems(err(), table.problems)
    told = err() if place is None else out()
    if as_json:
        report = {
            "to": to, "out": str(Path(str(place)).absolute()), "what": what, "runs": len(rows),
            "rows": table.n_rows, "columns": list(table.columns),
            "left_out": [problem.message for problem in table.problems],
        }  # fmt: skip
        told.raw(formats.json_text(report) + "\n")
    else:
        n_runs = count(len(rows) - len(table.problems), "run")
        told.line(
            f"{count(table.n_rows, 'row')} of {n_runs}",
            Span(f"  {place}" if place else "", "accent"),
        )
    return 0


def _print_csv(table: Rows) -> None:
    """To stdout, as it comes; to a terminal without what it would act on."""
    from iterun.analysis import iterations

    screen = out()
    if not screen.is_terminal:
        iterations.write_csv(screen.stream, table.columns, table.rows())
        return
    text = io.StringIO()
    iterations.write_csv(text, table.columns, table.rows())
    screen.raw("".join(clean(line) + "\n" for line in text.getvalue().splitlines()))


class Rows(Protocol):
    """A table to be written."""

    columns: dict[str, type]
    n_rows: int
    problems: list[StoreError]

    def rows(self) -> Iterator[Line]:
        """A dict a row."""


class _Runs:
    """A row a run, as `ls --csv` has them."""

    def __init__(self, runs: Sequence[Row]) -> None:
        from iterun.analysis import iterations

        self._rows = [formats.flat(run) for run in runs]
        self.columns = iterations.kinds(self._rows)
        self.n_rows = len(runs)
        self.problems: list[StoreError] = []

    def rows(self) -> Iterator[Line]:
        """A dict a row."""
        return iter(self._rows)

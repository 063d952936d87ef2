"""`iterun ls`: runs as a table, as JSON or as CSV."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iterun.cli import columns, formats
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.tables import table
from iterun.store import filters, paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.errors import StoreError
    from iterun.store.rows import Row

_PROBLEMS = 3  #: unreadable directories that are named


def show(
    words: Sequence[str],
    *,
    outputs: str | None,
    most: int | None,
    sort: str | None,
    reverse: bool,
    names: str | None,
    form: str,
) -> None:
    """List the runs that fit.

    Args:
        words: filters, as `iterun.store.filters.parse` reads them.
        outputs: the folder with the runs; None: where they are by default.
        most: rows; None: all.
        sort: a column, parameter, metric, result or cost.
        reverse: turn the order around.
        names: columns, with commas between; None: what tells the runs apart.
        form: "table", "json" or "csv".

    Raises:
        ConfigError: a filter, sort key or column that no run has.
    """
    folder = paths.outputs_root(outputs)
    where = filters.parse(words) if words else None
    with Index(folder) as index:
        cut = None if most is None or reverse else most + 1  # one more tells that there are more
        descending = sort is None or _largest_first(index, sort)
        rows = index.rows(where, limit=cut, sort=sort, descending=descending)
        if reverse:
            rows.reverse()
        shown = rows[:most]
        if form == "table":
            _table(
                shown, names, index, folder, is_all=len(shown) == len(rows), filtered=bool(words)
            )
        else:
            formats.write_rows(out(), shown, form)
    tell_problems(err(), index.problems)


def _largest_first(index: Index, key: str) -> bool:
    """Best first where the key is the newest run's objective; else the largest, the newest."""
    for row in index.rows(limit=1):
        objective = row.objective or {}
        if key in (objective.get("metric"), "best"):
            return objective.get("goal") == "max"
    return True


def _table(
    rows: Sequence[Row],
    names: str | None,
    index: Index,
    folder: Path,
    *,
    is_all: bool,
    filtered: bool,
) -> None:
    if not rows:
        say_none(err(), index, folder, filtered=filtered)
        return
    screen, now = out(), time.time()
    if names is None:
        asked = columns.default(rows, now)
    else:
        asked = columns.chosen(
            [name.strip() for name in names.split(",") if name.strip()], rows, now
        )
    kept = table(screen, asked)
    screen.stream.flush()
    remarks = []
    if not is_all:
        total = "that fit" if filtered else f"of {count(index.count(), 'run')}"
        remarks.append(f"{len(rows)} {total}; --all shows every one")
    left_out = [column for column in asked if column not in kept]
    if alike := [f"{c.head} {c.cells[0]}" for c in left_out if len({*c.cells}) == 1 < len(rows)]:
        remarks.append(f"all have {', '.join(alike)}")
    if others := [c.head for c in left_out if f"{c.head} {c.cells[0]}" not in alike]:
        remarks.append(f"no room for {', '.join(others)}")
    if remarks:
        err().line(Span("; ".join(remarks), "dim"))


def say_none(screen: Screen, index: Index, folder: Path, *, filtered: bool) -> None:
    """Say why there is nothing to show."""
    total = index.count()
    if filtered and total:
        screen.line(f"none of {count(total, 'run')} below {folder} fits")
        return
    screen.line(f"no runs below {folder} yet")
    screen.line(
        Span("hint: ", "accent"), "iterun task=prune makes one; --outputs DIR looks elsewhere"
    )


def tell_problems(screen: Screen, problems: Sequence[StoreError]) -> None:
    """Name run directories that can't be read."""
    for problem in problems[:_PROBLEMS]:
        screen.line(Span("left out: ", "warn"), problem.message)
        if problem.hint:
            screen.line(Span("    hint: ", "accent"), problem.hint)
    if len(problems) > _PROBLEMS:
        screen.line(f"left out: {len(problems) - _PROBLEMS} more that can't be read")

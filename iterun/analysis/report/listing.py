"""The table of all runs: which columns it has, what each cell shows, and what it is sorted by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from iterun.analysis.numbers import column, duration, setting, value
from iterun.analysis.settings import differing
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterun.store.rows import Row

SHOWN_FIRST = 500  #: rows that a browser draws before one asks for more
MOST_PARAMETERS = 12  #: columns of parameters that differ
_LONGEST = 60  #: characters of a setting in a table


class Cell(NamedTuple):
    """What a cell shows, and the number that it is sorted by; None: by its text."""

    text: str
    key: float | None = None


@dataclass
class Column:
    """A column of a table."""

    head: str
    cells: list[Cell]
    is_number: bool = False
    kind: str = ""  #: "id", "state": drawn in a way of its own


@dataclass
class Listing:
    """A table of runs."""

    columns: list[Column]
    anchors: list[str]  #: where each run stands whole on the page; empty: nowhere
    left_out: list[str]  #: parameters that differ and have no column

    @property
    def rows(self) -> Iterable[tuple[str, tuple[Cell, ...]]]:
        """Each run's anchor and cells."""
        return zip(self.anchors, zip(*(c.cells for c in self.columns), strict=True), strict=True)


def read(rows: Sequence[Row], anchors: Mapping[str, str]) -> Listing:
    """The table of these runs.

    Args:
        rows: the runs.
        anchors: where a run stands whole on the page, by its path.
    """
    columns = [Column("run", [Cell(row.id) for row in rows], kind="id")]
    columns += _if_any("system", [row.system for row in rows], always=len(_systems(rows)) > 1)
    columns.append(Column("state", [Cell(row.state) for row in rows], kind="state"))
    for name in ("model", "data"):
        texts = [getattr(row, name) or "" for row in rows]
        columns += _if_any(name, texts, always=len(set(texts)) > 1)
    columns.append(_numbers("seed", [row.seed for row in rows]))
    parameters, left_out = _parameters(rows)
    columns += parameters
    columns += _objective(rows)
    columns.append(_numbers("iterations", [row.iterations for row in rows]))
    took = [row.seconds for row in rows]
    columns.append(
        Column("took", [Cell("" if x is None else duration(x), x) for x in took], is_number=True)
    )
    columns.append(Column("started", [Cell(_when(row), row.stamp) for row in rows]))
    columns += _if_any("tags", [" ".join(row.tags) for row in rows])
    return Listing(columns, [anchors.get(str(row.path), "") for row in rows], left_out)


def _systems(rows: Sequence[Row]) -> set[str]:
    return {row.system for row in rows}


def _when(row: Row) -> str:
    return f"{datetime.fromisoformat(row.created):%Y-%m-%d %H:%M}"


def _if_any(head: str, texts: Sequence[str], *, always: bool | None = None) -> list[Column]:
    is_shown = any(texts) if always is None else always
    return [Column(head, [Cell(text) for text in texts])] if is_shown else []


def _numbers(head: str, values: Sequence[Any]) -> Column:
    return Column(head, numbers(values), is_number=True)


def numbers(values: Sequence[Any]) -> list[Cell]:
    """A column of numbers with equally many decimals; None: an empty cell."""
    shown = column(values)
    return [Cell(text, _key(x)) for text, x in zip(shown, values, strict=True)]


def _key(x: Any) -> float | None:
    if isinstance(x, bool) or not isinstance(x, int | float):
        return None
    try:
        key = float(x)
    except OverflowError:
        return None
    return key if isfinite(key) else None


def of_settings(head: str, values: Sequence[Any]) -> Column:
    """A column of parameters as they would be typed; `MISSING`: the run has none."""
    cells = [Cell("" if x is MISSING else clip(setting(x)), _key(x)) for x in values]
    is_number = all(cell.key is not None or not cell.text for cell in cells)
    return Column(head, cells, is_number=is_number)


def clip(text: str, most: int = _LONGEST) -> str:
    """A text short enough for a cell, or for `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _parameters(rows: Sequence[Row]) -> tuple[list[Column], list[str]]:
    """A column for each parameter that differs among the runs of a system, as far as they go."""
    by_system: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_system.setdefault(row.system, []).append(row.parameters)
    names = dict.fromkeys(name for found in by_system.values() for name in differing(found))
    kept, left_out = list(names)[:MOST_PARAMETERS], list(names)[MOST_PARAMETERS:]
    return [of_settings(name, [r.parameters.get(name, MISSING) for r in rows]) for name in kept], (
        left_out
    )


def _objective(rows: Sequence[Row]) -> list[Column]:
    """The objective's newest and best value; under its name, if all runs have the same one."""
    metrics = [(row.objective or {}).get("metric") for row in rows]
    last = [row.last.get(m) if m else None for row, m in zip(rows, metrics, strict=True)]
    best = [(row.best or {}).get("value") for row in rows]
    known = {metric for metric in metrics if metric}
    if not known or all(x is None for x in last):
        return []
    if len(known) == 1:
        columns = [_numbers(known.pop(), last)]
    else:
        cells = [Cell("" if x is None else f"{m} {value(x)}", _key(x))
                 for m, x in zip(metrics, last, strict=True)]  # fmt: skip
        columns = [Column("objective", cells)]
    if any(b is not None and b != x for b, x in zip(best, last, strict=True)):
        columns.append(_numbers("best", best))
    return columns

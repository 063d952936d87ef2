"""The columns of the table, chosen by what tells all runs apart; cells of the rows in sight only.

The same columns as those of `iterun ls`, which needs the cells of all rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.analysis.settings import differing
from iterun.cli import words
from iterun.cli.figures import age, column, duration, setting, value
from iterun.cli.tables import SOON
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.store.rows import Row

_LONGEST_CELL = 24
_MOST = 30  #: differing parameters: of more no column has room
_FIRST = 2  #: differing parameters that stay longest


@dataclass(frozen=True, kw_only=True)
class Field:
    """One column."""

    head: str
    cells: Callable[[Sequence[Row]], Sequence[str]]
    key: str = ""  #: what its runs can be sorted by
    styles: Callable[[Sequence[Row]], list[str]] | None = None
    right: bool = False
    least: int | None = None  #: as of a table's column
    drop: int = 0  #: as of a table's column
    style: str = ""


def fields(rows: Sequence[Row], now: Callable[[], float]) -> list[Field]:
    """The columns for these runs.

    Args:
        rows: all that can be scrolled to.
        now: the clock, for ages.
    """
    found = [
        Field(head="id", key="id", cells=lambda rows: [row.id for row in rows], style="bold"),
        _text("system", least=10, drop=12 if _alike(rows, "system") else 3),
        Field(head="state", key="state", cells=lambda rows: [row.state for row in rows],
              styles=lambda rows: [words.STYLES.get(row.state, "") for row in rows]),
        _text("model", least=8, drop=13 if _alike(rows, "model") else 4),
        _text("seed", right=True, drop=14 if _alike(rows, "seed") else 5),
        *_parameters(rows), *_objective(rows),
    ]  # fmt: skip
    if any(row.tags for row in rows):
        found.append(_text("tags", least=8, drop=8))
    if any(row.note for row in rows):
        found.append(_text("note", least=8, drop=7))
    ages = Field(head="age", key="created", right=True, drop=1, style="dim",
                 cells=lambda rows: [age(now() - row.stamp) for row in rows])  # fmt: skip
    return [*found, ages, _took()]


def _alike(rows: Sequence[Row], name: str) -> bool:
    """Whether a column says the same in every row: it is left out sooner."""
    return len(rows) > 1 and len({repr(row.get(name)) for row in rows}) == 1


def _text(name: str, *, right: bool = False, least: int | None = None, drop: int = 0) -> Field:
    def cells(rows: Sequence[Row]) -> list[str]:
        return [_said(row.get(name)) for row in rows]

    return Field(head=name, key=name, cells=cells, right=right, least=least, drop=drop)


def _said(x: Any) -> str:
    if x is None or x is MISSING:
        return ""
    return ",".join(map(str, x)) if isinstance(x, list) else value(x)


def _took() -> Field:
    def cells(rows: Sequence[Row]) -> list[str]:
        return ["" if row.seconds is None else duration(row.seconds) for row in rows]

    return Field(
        head="took", key="seconds", cells=cells, right=True, drop=2 * SOON, style="dim"
    )  # fmt: skip


def _parameters(rows: Sequence[Row]) -> list[Field]:
    """A column each if there is one system; else one for all."""
    by_system: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_system.setdefault(row.system, []).append(row.parameters)
    names = {system: differing(parameters) for system, parameters in by_system.items()}
    if len(names) == 1:
        found = next(iter(names.values()))[:_MOST]
        return [_parameter(name, rows, n) for n, name in enumerate(found)]

    def cells(rows: Sequence[Row]) -> list[str]:
        return [
            " ".join(f"{name}={setting(row.parameters[name])}" for name in names[row.system][:_MOST]
                     if name in row.parameters)
            for row in rows
        ]  # fmt: skip

    if not any(names.values()):
        return []
    return [Field(head="parameters", cells=cells, least=12, drop=9)]


def _parameter(name: str, rows: Sequence[Row], n: int) -> Field:
    def cells(rows: Sequence[Row]) -> list[str]:
        found = (row.parameters.get(name, MISSING) for row in rows)
        return ["" if x is MISSING else setting(x)[:_LONGEST_CELL] for x in found]

    is_numeric = all(isinstance(row.parameters.get(name), int | float | None) for row in rows)
    drop = n + (9 if n < _FIRST else SOON)
    return Field(head=name, key=f"task.{name}", cells=cells, right=is_numeric, drop=drop)


def _objective(rows: Sequence[Row]) -> list[Field]:
    """Its newest and its best value; under the metric's name if all runs have the same one."""
    known = {str(row.objective.get("metric")) for row in rows if row.objective}
    if not known:
        return []

    def best(rows: Sequence[Row]) -> list[str]:
        return column([(row.best or {}).get("value") for row in rows])

    if len(known) == 1:
        metric = known.pop()

        def last(rows: Sequence[Row]) -> list[str]:
            return column([row.last.get(metric) for row in rows])

        key = f"metrics.{metric}"
        shown = Field(head=metric, key=key, cells=last, right=True, style="accent")
    else:
        shown = Field(head="objective", least=14, style="accent", cells=_named)
    if not any(_differs(row) for row in rows):
        return [shown]
    return [shown, Field(head="best", key="best", cells=best, right=True, drop=11)]


def _newest(row: Row) -> Any:
    metric = (row.objective or {}).get("metric")
    return row.last.get(metric) if metric else None


def _differs(row: Row) -> bool:
    return row.best is not None and row.best.get("value") != _newest(row)


def _named(rows: Sequence[Row]) -> list[str]:
    cells = []
    for row in rows:
        newest, metric = _newest(row), (row.objective or {}).get("metric")
        cells.append("" if newest is None else f"{metric} {value(newest)}")
    return cells

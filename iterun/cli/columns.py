"""Which columns a list of runs has, and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.analysis.settings import differing
from iterun.cli import words
from iterun.cli.figures import age, column, duration, setting, value
from iterun.cli.tables import SOON, Column
from iterun.errors import ConfigError, nearest
from iterun.store.rows import MISSING, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_CELL = 24
_MOST = 100  #: differing parameters that are looked at: no screen has room for more
_FIRST = 2  #: differing parameters that stay longer than `best` and than what all runs share


def default(rows: Sequence[Row], now: float) -> list[Column]:
    """What tells these runs apart. Ranks say what goes first on a narrow screen: what all share."""
    return [
        _named("id", rows, now, style="bold"),
        _named("system", rows, now, least=10, drop=_rank(rows, "system", alike=12, differs=3)),
        _named("state", rows, now),
        _named("model", rows, now, least=8, drop=_rank(rows, "model", alike=13, differs=4)),
        _named("seed", rows, now, drop=_rank(rows, "seed", alike=14, differs=5)),
        *_differing(rows),
        *_objective(rows),
        *([_named("tags", rows, now, least=8, drop=8)] if any(row.tags for row in rows) else []),
        _named("age", rows, now, drop=1),
        _named("seconds", rows, now, drop=2 * SOON),
    ]


def chosen(names: Sequence[str], rows: Sequence[Row], now: float) -> list[Column]:
    """The columns asked for by name.

    Raises:
        ConfigError: no run has such a column.
    """
    known = {"age"}.union(*(row.names() for row in rows))
    for name in names if rows else ():
        if name not in known and all(row.get(name) is MISSING for row in rows):
            close = nearest(name, sorted(known))
            hint = (
                f"did you mean {' or '.join(close)}?" if close else "`iterun show RUN` lists them"
            )
            raise ConfigError(f"--columns: no run has {name!r}", hint=hint)
    return [_named(name, rows, now, least=8) for name in names]


def _named(
    name: str,
    rows: Sequence[Row],
    now: float,
    *,
    least: int | None = None,
    drop: int = 0,
    style: str = "",
) -> Column:
    if name in ("state", "status"):
        states = [row.state for row in rows]
        return Column(
            head=name, cells=states, drop=drop, styles=[words.STYLES.get(s, "") for s in states]
        )
    if name == "age":
        cells = [age(now - row.stamp) for row in rows]
        return Column(head=name, cells=cells, right=True, drop=drop, style="dim")
    found = [None if (x := row.get(name)) is MISSING else x for row in rows]
    if name == "seconds":
        cells = ["" if x is None else duration(x) for x in found]
        return Column(head="took", cells=cells, right=True, drop=drop, style="dim")
    is_number = all(x is None or isinstance(x, int | float) for x in found)
    cells = column(found) if is_number else ["" if x is None else _text(x) for x in found]
    return Column(head=name, cells=cells, right=is_number, least=least, drop=drop, style=style)


def _text(x: Any) -> str:
    return ",".join(map(str, x)) if isinstance(x, list) else value(x)


def _rank(rows: Sequence[Row], name: str, *, alike: int, differs: int) -> int:
    """When a column is left out: sooner, if it says the same in every row."""
    return alike if len({row.get(name) for row in rows}) == 1 and len(rows) > 1 else differs


def _differing(rows: Sequence[Row]) -> list[Column]:
    """The parameters in which runs of a system differ; a column each if there is one system."""
    by_system: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_system.setdefault(row.system, []).append(row.parameters)
    names = {system: differing(parameters) for system, parameters in by_system.items()}
    if len(names) == 1:
        return [
            Column(
                head=name,
                cells=_settings(name, rows),
                right=_is_numeric(name, rows),
                drop=n + (9 if n < _FIRST else SOON),
            )
            for n, name in enumerate(next(iter(names.values()))[:_MOST])
        ]
    cells = [
        " ".join(
            f"{name}={setting(row.parameters.get(name))}" for name in names[row.system][:_MOST]
        )
        for row in rows
    ]
    return [Column(head="parameters", cells=cells, least=12, drop=9)] if any(cells) else []


def _settings(name: str, rows: Sequence[Row]) -> list[str]:
    found = (row.parameters.get(name, MISSING) for row in rows)
    return ["" if x is MISSING else setting(x)[:_LONGEST_CELL] for x in found]


def _is_numeric(name: str, rows: Sequence[Row]) -> bool:
    return all(isinstance(row.parameters.get(name), int | float | None) for row in rows)


def _objective(rows: Sequence[Row]) -> list[Column]:
    """Its newest and best value; under the metric's name, if all runs have the same one."""
    metrics = [(row.objective or {}).get("metric") for row in rows]
    last = [
        row.last.get(metric) if metric else None for row, metric in zip(rows, metrics, strict=True)
    ]
    best = [(row.best or {}).get("value") for row in rows]
    known = {metric for metric in metrics if metric}
    if not known or not any(x is not None for x in last):
        return []
    if len(known) == 1:
        shown = [Column(head=known.pop(), cells=column(last), right=True, style="accent")]
    else:
        cells = ["" if x is None else f"{m} {value(x)}" for m, x in zip(metrics, last, strict=True)]
        shown = [Column(head="objective", cells=cells, style="accent")]
    if any(b is not None and b != x for b, x in zip(best, last, strict=True)):
        shown.append(Column(head="best", cells=column(best), right=True, drop=11))
    return shown

"""Runs, and iterations of a run, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.store.rows import COLUMNS, PLACES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pandas import DataFrame

    from iterun.store.rows import Row
    from iterun.store.schema import Iteration

_FIRST = ("system", "state", "model", "data", "seed", "created", "seconds", "iterations")
_ITERATION = ("metrics", "cost", "labels")


def of_runs(rows: Sequence[Row]) -> DataFrame:
    """A line a run, by id: its columns, parameters, newest metrics, results, costs; its path.

    Where a name means several things, the bare one is the parameter, else the metric, as filters
    have it; the others are called `metrics.NAME`, `result.NAME`, `cost.NAME`.
    """
    import pandas as pd

    plain = [{place: getattr(row, key) for place, key in PLACES.items()} for row in rows]
    names = _names(plain, PLACES, taken={*COLUMNS, "best"})
    table: dict[str, Any] = {name: [row.get(name) for row in rows] for name in _FIRST}
    table["created"] = pd.to_datetime(table["created"], utc=True)
    for (place, name), shown in names.items():
        if name not in _FIRST:  # model, data and seed stand with the parameters too
            table[shown] = [one[place].get(name) for one in plain]
    table["best"] = [(row.best or {}).get("value") for row in rows]
    for name in ("signature", "tags", "note", "sweep"):
        table[name] = [row.get(name) for row in rows]
    table["path"] = [str(row.path) for row in rows]
    return pd.DataFrame(table, index=pd.Index([row.id for row in rows], name="id"))


def of_iterations(lines: Sequence[Iteration]) -> DataFrame:
    """A line an iteration, by i: metrics, costs, labels, `seconds`, `time`; NaN where none was.

    A name that means several things is the metric; the others are `cost.NAME`, `labels.NAME`.
    """
    import pandas as pd

    plain = [{place: getattr(line, place) for place in _ITERATION} for line in lines]
    names = _names(plain, _ITERATION, taken={"seconds", "time"})
    table: dict[str, Any] = {
        shown: [one[place].get(name) for one in plain] for (place, name), shown in names.items()
    }
    for (place, _), shown in names.items():
        if place != "labels":
            table[shown] = pd.array(table[shown], dtype="object").astype(float)
    table["seconds"] = [line.seconds for line in lines]
    table["time"] = pd.to_datetime([line.time for line in lines], unit="s", utc=True)
    return pd.DataFrame(table, index=pd.Index([line.i for line in lines], name="i", dtype=int))


def _names(
    plain: Iterable[Mapping[str, Mapping[str, Any]]], places: Iterable[str], *, taken: set[str]
) -> dict[tuple[str, str], str]:
    """The column of each (place, name): bare for the first place that has the name."""
    known: dict[str, dict[str, None]] = {place: {} for place in places}
    for one in plain:
        for place, names in known.items():
            names.update(dict.fromkeys(one[place]))
    found = {}
    used = set(taken)
    for place, names in known.items():
        for name in names:
            found[place, name] = f"{place}.{name}" if name in used else name
        used |= names.keys()
    return found

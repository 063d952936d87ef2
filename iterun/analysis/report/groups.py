"""The settings of a system side by side: seeds of one setting together, the best one marked."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from iterun.analysis.compare import REPEAT, is_uneven
from iterun.analysis.numbers import column, count, duration
from iterun.analysis.report import drawing
from iterun.analysis.report.listing import Cell, Column, numbers, of_settings
from iterun.store.columns import SECONDS
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.analysis.comparison import Comparison, Entry, Measured
    from iterun.analysis.report.drawing import Whisker

MOST_SETTINGS = 200


@dataclass
class Groups:
    """The settings of a system, the best first."""

    system: str
    metric: str  #: the objective; empty: the system has none
    goal: str
    entries: list[Entry]
    columns: list[Column]
    whiskers: list[Whisker | None]
    best: list[bool]  #: which ones are marked
    total: int  #: settings, shown or not
    n_runs: int
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{count(self.total, 'setting')}, {count(self.n_runs, 'run')}"


def read(found: Comparison, system: str) -> Groups:
    """The settings of one system in the order of their objective's mean.

    Only completed runs count, the newest of each seed: what others have reached is no result.
    """
    own = set(found.of(system))
    ranked = [k for k in found.ranked() if k in own]
    shown = ranked[:MOST_SETTINGS]
    objective = found.objectives.get(system) or {}
    metric = str(objective.get("metric", ""))
    scale = _scale(found.metrics[metric], shown) if metric else [(nan, nan, nan)] * len(shown)
    groups = Groups(
        system, metric, str(objective.get("goal", "")), [found.entries[k] for k in shown],
        _columns(found, system, shown), drawing.whiskers(scale), [found.best[k] for k in shown],
        len(ranked), sum(len(found.entries[k].setting.rows) for k in ranked),
    )  # fmt: skip
    if any(REPEAT in found.entries[k].left_out for k in ranked):
        groups.notes.append("of a seed that was run twice the newest run counts")
    if any(is_uneven(found.entries[k]) for k in ranked):
        groups.notes.append("stop.iterations ended seeds of a setting at different iterations")
    return groups


def _scale(measured: Measured, shown: Sequence[int]) -> list[tuple[float, float, float]]:
    parts = (measured.mean, measured.low, measured.high)
    numbers_ = [tuple(nan if part[k] is None else float(part[k] or 0) for part in parts)
                for k in shown]  # fmt: skip
    return [(mean, low, high) for mean, low, high in numbers_]


def _columns(found: Comparison, system: str, shown: Sequence[int]) -> list[Column]:
    """What differs, how many runs, means with intervals, costs."""
    entries = [found.entries[k] for k in shown]
    columns = [
        of_settings(name, [entry.setting.differing.get(name, MISSING) for entry in entries])
        for name in found.differing(system)
    ]
    columns.append(Column("runs", [_runs(entry) for entry in entries], is_number=True))
    for place, name in enumerate(found.names[system]):
        measured = found.metrics[name]
        means = [measured.mean[k] for k in shown]
        columns.append(Column(name, numbers(means), is_number=True, kind="" if place else "mean"))
        cells = _intervals(measured, shown)
        columns.append(Column("95 % interval", cells, kind="" if place else "interval"))
    for name, values in found.costs.items():
        kept = [values[k] for k in shown]
        if name == SECONDS:
            took = [Cell("" if x is None else duration(x), x) for x in kept]
            columns.append(Column("took", took, is_number=True))
        elif any(x is not None for x in kept):
            columns.append(Column(name, numbers(kept), is_number=True))
    return columns


def _runs(entry: Entry) -> Cell:
    n = len(entry.counted)
    others = ", ".join(f"{k} {state}" for state, k in entry.left_out.items())
    return Cell(f"{n} (+ {others})" if others else str(n), float(n))


def _intervals(measured: Measured, shown: Sequence[int]) -> list[Cell]:
    lows = column([measured.low[k] for k in shown])
    highs = column([measured.high[k] for k in shown])
    return [
        Cell(f"{low} to {high}" if low and high else "one run" if measured.n[k] == 1 else "",
             measured.mean[k])
        for k, low, high in zip(shown, lows, highs, strict=True)
    ]  # fmt: skip

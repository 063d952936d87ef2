"""What a plot of runs shows: a panel a metric, a line a setting, a band over its seeds.

The terminal, pictures and tables of the points draw the same lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from iterun.analysis import curves, plot_remarks, selection
from iterun.analysis.numbers import count
from iterun.analysis.settings import Setting, group
from iterun.store.schema import COMPLETED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from iterun.analysis.curves import Curve, Floats
    from iterun.store.rows import Row

ITERATION, SECONDS = "iteration", "seconds"


class Detail(NamedTuple):
    """How finely bands are drawn: an interval takes time, and a pixel holds one."""

    points: int  #: intervals of a line
    lines: int  #: of a panel; of more no band is drawn, and only the last interval is there

    def intervals(self, lines: int) -> int:
        """Of each line, if a panel has so many."""
        return self.points if lines <= self.lines else 1


class Ahead(NamedTuple):
    """The law fitted to a line, from its first point to the horizon; arrays are (points,)."""

    x: Floats
    y: Floats
    low: Floats  #: of the interval; NaN up to the line's last point
    high: Floats
    horizon: int  #: iteration
    provisional: bool  #: before the prediction level

    @property
    def has_band(self) -> bool:
        """Whether there is anything beyond the line's last point."""
        return bool(np.isfinite(self.low).sum() > 1)


@dataclass(kw_only=True)
class Line:
    """One line: a run, or the mean over the seeds of a setting; arrays are (iterations,) each."""

    metric: str
    label: str  #: what tells it apart from the other lines
    group: str  #: what lines of one setting and metric share: a colour
    runs: list[str]  #: ids
    seeds: list[int]
    i: NDArray[np.int64]
    x: Floats
    y: Floats  #: as recorded, also what isn't finite
    low: Floats  #: of the 95 % interval; NaN where there is none
    high: Floats
    n: NDArray[np.int64]  #: seeds that recorded a value
    ahead: Ahead | None = None

    @property
    def band(self) -> tuple[Floats, Floats, Floats]:
        """Where the band is, and its bounds: without the points whose interval was left out.

        Where there is none, for one seed or values that aren't finite, the bounds are NaN.
        """
        shown = np.isfinite(self.low) | ~np.isfinite(self.y) | (self.n < 2)
        is_band = np.isfinite(self.low).sum() > 1
        keep = np.flatnonzero(shown) if is_band else np.empty(0, np.int64)
        return self.x[keep], self.low[keep], self.high[keep]


@dataclass
class Panel:
    """One measure: the metric, and other arms of it."""

    metric: str
    goal: str  #: "min" or "max" if it is the objective
    lines: list[Line]


@dataclass
class Plot:
    """All panels share the x axis and the lines' labels."""

    x: str  #: "iteration", "seconds" since the beginning, or a metric
    panels: list[Panel]
    remarks: list[str] = field(default_factory=list)
    log_x: bool = False
    log_y: bool = False

    @property
    def labels(self) -> list[str]:
        """Of all lines, each once."""
        return list(dict.fromkeys(line.label for panel in self.panels for line in panel.lines))

    @property
    def groups(self) -> list[str]:
        """Of all lines, each once."""
        return list(dict.fromkeys(line.group for panel in self.panels for line in panel.lines))

    @property
    def law_label(self) -> str:
        """What a legend says of the laws through the lines; empty: there are none."""
        lines = [line for panel in self.panels for line in panel.lines]
        aheads = [line.ahead for line in lines if line.ahead is not None]
        if not aheads:
            return ""
        return "power law" + (" and its band" if any(a.has_band for a in aheads) else "")


def plot(
    rows: Sequence[Row],
    metrics: Sequence[str] = (),
    *,
    x: str = ITERATION,
    each: bool = False,
    until: Mapping[str, int] | None = None,
    detail: Detail | None = None,
) -> Plot:
    """Read what is to be drawn.

    Args:
        rows: the runs.
        metrics: a panel each; none: the objective of each run, and its other arms.
        x: `iteration`, `seconds` (since the beginning) or any recorded name.
        each: a line for each run instead of the mean of the seeds.
        until: the last iteration that is drawn, by run id.
        detail: of the bands; None: an interval at each iteration.

    Raises:
        StoreError: a run's iterations can't be read.
    """
    wanted = [[name] for name in metrics] or _objectives(rows)
    asked = [name for measure in wanted for name in measure]
    x_name = {ITERATION: curves.ITERATION, SECONDS: curves.ELAPSED}.get(x, x)
    remarks: list[str] = []
    settings = sorted(group(rows), key=_by_what_differs)
    if not each:
        remarks += filter(None, [selection.mixed(settings)])
        settings = _one_run_a_seed(settings, remarks)
    read = {
        row.path: _cut(curves.read(row, [*asked, x_name]), (until or {}).get(row.id))
        for setting in settings
        for row in setting.rows
    }
    remarks += plot_remarks.short_of(until or {}, read.values())
    drawn = _drawn(settings, each=each)
    panels = []
    for measure in wanted:
        most = detail.intervals(len(drawn) * len(measure)) if detail else None
        lines = [
            _line(name, x_name, each_line.of_arm(name, measure, len(drawn)), read, most)
            for each_line in drawn
            for name in measure
        ]
        panels.append(Panel(measure[0], _goal(rows, measure[0]), [n for n in lines if len(n.i)]))
        remarks += plot_remarks.of_lines(measure[0], panels[-1].lines, x_name)
    return Plot(x, panels, list(dict.fromkeys(remarks)))


class _Drawn(NamedTuple):
    """What a line is of."""

    label: str
    group: str  #: label of the setting
    rows: Sequence[Row]

    def of_arm(self, name: str, measure: Sequence[str], n_drawn: int) -> _Drawn:
        """One of the arms that share a panel."""
        if len(measure) == 1:
            return self
        if n_drawn == 1:
            return self._replace(label=name, group=name)
        return self._replace(label=f"{self.label} {name}", group=f"{self.group} {name}")


def _drawn(settings: Sequence[Setting], *, each: bool) -> list[_Drawn]:
    found = []
    for setting, name in zip(settings, _labels(settings), strict=True):
        rows = sorted(setting.rows, key=lambda row: (row.seed, row.stamp))
        if each and len(rows) > 1:
            found += [_Drawn(f"{name} seed {row.seed}", name, [row]) for row in rows]
        else:
            found.append(_Drawn(name, name, rows))
    labels = [one.label for one in found]
    return [
        one._replace(label=f"{one.label} ({one.rows[0].id})")
        if labels.count(one.label) > 1
        else one
        for one in found
    ]


def _by_what_differs(setting: Setting) -> tuple[object, ...]:
    """Numbers by size, before texts."""
    values = setting.differing.values()
    return (
        setting.block,
        *((0, x, "") if isinstance(x, int | float) else (1, 0, str(x)) for x in values),
    )


def _objectives(rows: Sequence[Row]) -> list[list[str]]:
    """The measures that runs are judged by: each the metric, and its arms."""
    found: dict[str, list[str]] = {}
    for row in rows:
        metric = (row.objective or {}).get("metric")
        if metric and metric not in found:
            known = {*row.last} or {*curves.names([row])}
            arms = [name for name in curves.arms(row, metric) if name in known]
            found[metric] = [metric, *arms]
    return list(found.values())


def _goal(rows: Sequence[Row], metric: str) -> str:
    goals = {
        str(row.objective["goal"]) for row in rows
        if row.objective and row.objective["metric"] == metric
    }  # fmt: skip
    return goals.pop() if len(goals) == 1 else ""


def _one_run_a_seed(settings: Sequence[Setting], remarks: list[str]) -> list[Setting]:
    """A seed that ran twice is one seed: counted twice, it would make the interval too narrow."""
    kept = []
    for setting in settings:
        of_seed: dict[int, Row] = {}
        for row in setting.rows:
            of_seed[row.seed] = max(of_seed.get(row.seed, row), row, key=_rank)
        kept.append(replace(setting, rows=list(of_seed.values())))
    if (left := sum(len(s.rows) for s in settings) - sum(len(s.rows) for s in kept)) > 0:
        remarks.append(
            f"{count(left, 'run')} left out: the same setting and seed as another; "
            "the newest that was completed counts"
        )
    return kept


def _rank(row: Row) -> tuple[bool, bool, float]:
    """What a search ended early is completed, too, but after those that came to their end."""
    return row.is_whole, row.state == COMPLETED, row.stamp


def _cut(curve: Curve, last: int | None) -> Curve:
    return curve if last is None else curve.at(curve.i <= last)


def _labels(settings: Sequence[Setting]) -> list[str]:
    """What tells the settings apart, with the system where there are several, or a program."""
    several = len({setting.block for setting in settings}) > 1
    return [
        f"{setting.block} {setting.label}"
        if (several or setting.block != setting.system) and setting.label != setting.block
        else setting.label
        for setting in settings
    ]


def _line(metric: str, x: str, drawn: _Drawn, read: Mapping[Path, Curve], most: int | None) -> Line:
    of = [read[row.path] for row in drawn.rows]
    band = curves.band(of, metric, most=most)
    at = band.i.astype(np.float64)
    if x != curves.ITERATION:
        across = curves.band(of, x, most=1)
        place = np.searchsorted(across.i, band.i)
        there = np.append(across.i, -1)[place] == band.i
        at = np.where(there, np.append(across.mean, np.nan)[place], np.nan)
    return Line(
        metric=metric, label=drawn.label, group=drawn.group,
        runs=[row.id for row in drawn.rows], seeds=[row.seed for row in drawn.rows],
        i=band.i, x=at, y=band.mean, low=band.low, high=band.high, n=band.n,
    )  # fmt: skip

"""The curves of a system: the mean of each setting with its band, for every metric."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from iterun.analysis import curves
from iterun.analysis.report import drawing
from iterun.analysis.report.listing import clip
from iterun.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from iterun.analysis.comparison import Entry
    from iterun.analysis.curves import Band, Curve
    from iterun.analysis.report.groups import Groups
    from iterun.store.rows import Row

MOST_SERIES = 24  #: settings in a chart
MOST_RUNS = 200  #: whose lines are read for it
MOST_SEEDS = 12  #: that are drawn one by one too, where there is one setting only
MOST_METRICS = 30
MOST_POINTS = 300  #: of a curve
SHOWN_FIRST = 10  #: curves that are drawn before one asks for more
_LONGEST = 200  #: characters of a name
_DIGITS = 6  #: significant digits of a point
_LOG_FROM = 50.0  #: ratio of the largest and the least value from which the axis is logarithmic

Points = list[list[float | None]]  # (i, mean, low, high), each (points,)


@dataclass
class Series:
    """One curve."""

    label: str
    n: int  #: runs in it


@dataclass
class Chart:
    """The curves of one system."""

    system: str
    metrics: list[str] = field(default_factory=list)
    series: list[Series] = field(default_factory=list)
    points: dict[str, list[Points | None]] = field(default_factory=dict)  #: by metric and series
    log: dict[str, bool] = field(default_factory=dict)  #: metrics for which it is the better axis
    drawn: drawing.Chart | None = None  #: the first metric
    remarks: list[str] = field(default_factory=list)

    def data(self, clean: Callable[[str], str]) -> dict[str, Any]:
        """What the page's script draws: metrics, and in their order points and kinds of axes.

        Args:
            clean: makes a recorded text one that may be shown.
        """
        series = [{"label": clean(clip(s.label, _LONGEST)), "n": s.n} for s in self.series]
        return {
            "metrics": [clean(clip(name, _LONGEST)) for name in self.metrics], "series": series,
            "log": [self.log[name] for name in self.metrics], "first": SHOWN_FIRST,
            "points": [self.points[name] for name in self.metrics],
        }  # fmt: skip


def read(groups: Groups) -> Chart:
    """Read the curves of a system's best settings."""
    chosen = _chosen(groups)
    rows = [row for entry in chosen for row in drawn_rows(entry)]
    names = curves.names(rows)
    names.sort(key=lambda name: name != groups.metric)
    chart = Chart(groups.system, names[:MOST_METRICS])
    if len(chosen) < groups.total:
        chart.remarks.append(f"The best {len(chosen)} of {groups.total:,} settings are drawn")
    if len(names) > MOST_METRICS:
        chart.remarks.append(f"Left out: {', '.join(names[MOST_METRICS:])}")
    found = [_curves(drawn_rows(entry), chart) for entry in chosen]
    chart.series = [_series(entry, len(chosen)) for entry in chosen]
    if len(chosen) == 1 and 1 < len(found[0]) <= MOST_SEEDS:
        chart.series += [Series(curve.id, 1) for curve in found[0]]
        found += [[curve] for curve in found[0]]
    for name in chart.metrics:
        chart.points[name] = [_points(own, name, chart) for own in found]
    chart.metrics = [name for name in chart.metrics if any(chart.points[name])]
    chart.points = {name: chart.points[name] for name in chart.metrics}
    chart.log = {name: _wants_log(chart.points[name]) for name in chart.metrics}
    if chart.metrics:
        first = chart.metrics[0]
        shown = [p if k < SHOWN_FIRST else None for k, p in enumerate(chart.points[first])]
        chart.drawn = drawing.chart(shown, log=chart.log[first])
    return chart


def _chosen(groups: Groups) -> list[Entry]:
    """The best settings, as many as a chart and the time for it allow."""
    chosen: list[Entry] = []
    n_read = 0
    for entry in groups.entries[:MOST_SERIES]:
        n_read += len(drawn_rows(entry))
        if chosen and n_read > MOST_RUNS:
            break
        chosen.append(entry)
    return chosen


def drawn_rows(entry: Entry) -> list[Row]:
    """The runs behind a curve: those in the mean; where there are none, what there is."""
    return (entry.counted or entry.setting.rows)[:MOST_RUNS]


def _curves(rows: Sequence[Row], chart: Chart) -> list[Curve]:
    found = []
    for row in rows:
        try:
            found.append(curves.read(row, chart.metrics))
        except StoreError as error:
            chart.remarks.append(error.message)
    return found


def _series(entry: Entry, n_series: int) -> Series:
    rows = drawn_rows(entry)
    label = entry.setting.label if n_series > 1 else rows[0].id if len(rows) == 1 else "mean"
    return Series(label, len(rows))


def _points(own: Sequence[Curve], name: str, chart: Chart) -> Points | None:
    band = curves.band(own, name)
    if not len(band.i):
        return None
    broken = sum(not isfinite(x) for x in band.mean)
    remark = f"A gap in {name} stands where a value is not finite"
    if broken and remark not in chart.remarks:
        chart.remarks.append(remark)
    kept = drawing.extremes(band.mean.tolist(), MOST_POINTS)
    thinned = f"Of more than {MOST_POINTS} points each stretch shows its least and its largest"
    if len(kept) < len(band.i) and thinned not in chart.remarks:
        chart.remarks.append(thinned)
    return _rounded(band, kept)


def _rounded(band: Band, kept: Sequence[int]) -> Points:
    parts = [[int(band.i[k]) for k in kept]]
    columns: list[list[float | None]] = [
        [_short(float(part[k])) for k in kept] for part in (band.mean, band.low, band.high)
    ]
    if all(x is None for x in columns[1]):  # one run: no band
        columns[1:] = [[], []]
    return [list(parts[0]), *columns]


def _short(x: float) -> float | None:
    return float(f"{x:.{_DIGITS}g}") if isfinite(x) else None


def _wants_log(points: Iterable[Points | None]) -> bool:
    """Whether all values are positive and span more than one sees on a linear axis."""
    means = [y for one in points if one for y in one[1] if y is not None]
    lows = [y for one in points if one for y in one[2] if y is not None]
    return bool(means) and min(means + lows) > 0 and max(means) / min(means) > _LOG_FROM

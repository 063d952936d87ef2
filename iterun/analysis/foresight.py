"""Forecasts of a plot's lines: the power law through each, on to the last iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iterun.analysis.forecast import Own, own, replay
from iterun.analysis.numbers import value
from iterun.analysis.plotted import ITERATION, Ahead
from iterun.ops.forecast import WIDENED, Rule, usual_gain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.analysis.plotted import Line, Plot
    from iterun.store.rows import Row

POINTS = 100  #: of a law
SAID = (
    "a forecast is the power law through the points so far; its band is the range of the last five "
    f"fits and {WIDENED:g} residuals, no confidence level"
)


def add(plot: Plot, rows: Sequence[Row]) -> None:
    """Give each line its forecast, as far as it has one; what has none is told.

    Args:
        plot: to be changed.
        rows: the runs that are drawn.
    """
    owns = {row.id: own(row) for row in rows}
    has_any = False
    for panel in plot.panels:
        if not panel.goal:
            plot.remarks.append(
                f"no forecast of {panel.metric}: it is no objective, and has no direction"
            )
            continue
        for line in panel.lines:
            known = [owns[id] for id in line.runs if id in owns]
            line.ahead, why = _ahead(line, known, panel.goal, plot.x)
            of = (
                line.label
                if line.label.startswith(panel.metric)
                else f"{panel.metric}, {line.label}"
            )
            if line.ahead is None:
                plot.remarks.append(f"no forecast of {of}: {why}")
            else:
                has_any |= not _is_over(line, line.ahead)
                plot.remarks.append(_told(of, line, line.ahead))
    if has_any:
        plot.remarks.append(SAID)


def _ahead(line: Line, known: Sequence[Own], goal: str, x: str) -> tuple[Ahead | None, str]:
    """The law on to the farthest end of the line's runs, or why there is none."""
    horizons = [one.horizon for one in known if one.horizon is not None]
    if not horizons:
        return None, "its end is not known"
    has = (line.i > 0) & np.isfinite(line.y) & np.isfinite(line.x)
    i, y, sizes = line.i[has], line.y[has], line.x[has]
    if not len(i):
        return None, "it has no point behind the baseline"
    made = replay(
        list(i), list(sizes), list(y), max(*horizons, int(i[-1])),
        Rule(gain=known[0].gain or usual_gain(list(y))), rising=goal == "max", top=known[0].top,
    )  # fmt: skip
    if not made.forecasts:
        fault = made.forecaster.fault
        return None, f"it {fault}" if fault else "too few points, or no power law fits"
    newest, seen = made.forecasts[-1], made.forecaster
    end = max(newest.x, float(sizes[-1]))
    points = np.linspace(float(sizes[0]), end, POINTS)
    if x == ITERATION and end > sizes[-1]:  # the band begins where the line ends
        points = np.unique(np.append(points, float(sizes[-1])))
    fitted, low, high = seen.course(points)
    before = points < sizes[-1]
    low, high = np.where(before, np.nan, low), np.where(before, np.nan, high)
    return Ahead(points, fitted, low, high, newest.horizon, newest.provisional), ""


def _is_over(line: Line, ahead: Ahead) -> bool:
    return ahead.horizon <= int(line.i[-1])


def _told(of: str, line: Line, ahead: Ahead) -> str:
    if _is_over(line, ahead):
        return f"{of} is at its end, and its power law comes to {value(float(ahead.y[-1]))} there"
    end = f"{value(float(ahead.y[-1]))} [{value(float(ahead.low[-1]))}, "
    end += f"{value(float(ahead.high[-1]))}] at iteration {ahead.horizon}"
    return f"forecast of {of}: {end}" + (", provisional" if ahead.provisional else "")

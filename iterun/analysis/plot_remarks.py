"""What is said beside a plot: gaps, seeds that are missing, what a point is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iterun.analysis import curves
from iterun.analysis.numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterun.analysis.curves import Curve
    from iterun.analysis.plotted import Line


def short_of(until: Mapping[str, int], read: Iterable[Curve]) -> list[str]:
    """Remarks on runs that have not come as far as was asked."""
    ends = {curve.id: int(curve.i[-1]) for curve in read if len(curve.i)}
    return [
        f"{id} has no iteration {last}: it is drawn up to {ends[id]}"
        for id, last in until.items()
        if ends.get(id, last) < last
    ]


def of_lines(metric: str, lines: Sequence[Line], x: str) -> list[str]:
    """Remarks on the lines of a panel."""
    remarks = []
    if gaps := sum(int((~np.isfinite(line.y)).sum()) for line in lines):
        remarks.append(f"{metric} is not finite at {count(gaps, 'point')}: gaps there")
    if x != curves.ITERATION and (lost := sum(int((~np.isfinite(line.x)).sum()) for line in lines)):
        remarks.append(f"{count(lost, 'point')} of {metric} left out: {x} isn't a number there")
    if any(len(line.runs) > 1 for line in lines):
        remarks.append("values are means over seeds, with their 95 % bootstrap interval")
        if x != curves.ITERATION:
            remarks.append("each point stands at the mean over seeds, by iteration, on the x axis")
    for line in lines:
        if len(line.n) and line.n.min() < len(line.runs):
            remarks.append(
                f"{line.label}: not all {len(line.runs)} seeds have every iteration; "
                "the mean is over those that do"
            )
    return remarks

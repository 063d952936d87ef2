"""Plots on logarithmic axes: what can't stand there is left out, and said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from iterun.analysis.numbers import count

if TYPE_CHECKING:
    from iterun.analysis.plotted import Panel, Plot


def on_log_axes(drawn: Plot, *, x: bool, y: bool) -> Plot:
    """The plot with logarithmic axes: what can't stand on them is a gap, and said.

    The values stay as they are; a band that leaves the axis ends at the least value on it.
    """
    if not (x or y):
        return drawn
    remarks, panels = list(drawn.remarks), []
    for panel in drawn.panels:
        floor = _least_positive(panel)
        lines, lost = [], 0
        for line in panel.lines:
            bad = (x & (line.x <= 0)) | (y & (line.y <= 0))
            lost += int(bad.sum())
            if not bad.all():
                low = np.where(y & (line.low <= 0), floor, line.low)
                lines.append(replace(line, low=low))
        panels.append(replace(panel, lines=lines))
        if lost:
            remarks.append(
                f"{count(lost, 'point')} of {panel.metric} left out: a logarithmic axis has no "
                "room for values of 0 and below"
            )
    return replace(drawn, panels=panels, remarks=remarks, log_x=x, log_y=y)


def _least_positive(panel: Panel) -> float:
    """Where a logarithmic axis may end that a band leaves."""
    values = [v[v > 0] for line in panel.lines for v in (line.y, line.low)]
    return min((float(v.min()) for v in values if len(v)), default=1.0)

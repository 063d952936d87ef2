"""The points of a plot, as CSV or JSON."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

from iterun.cli.formats import json_text, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterun.analysis.plotted import Line, Plot
    from iterun.cli.console import Screen

_HEADS = ("metric", "line", "runs", "seeds", "n", "i", "x", "value", "low", "high")


def write(screen: Screen, plot: Plot, form: str) -> None:
    """Write a row a point, or a JSON object with a list a line.

    Args:
        screen: where to.
        plot: what is drawn.
        form: "csv" or "json".
    """
    if form == "json":
        screen.raw(json_text(_object(plot)) + "\n")
        return
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([plot.x if head == "x" else head for head in _HEADS])
    for panel in plot.panels:
        for line in panel.lines:
            writer.writerows(_rows(line))
    screen.raw(lines(text.getvalue()))


def _rows(line: Line) -> Iterator[tuple[Any, ...]]:
    runs, seeds = " ".join(line.runs), " ".join(map(str, line.seeds))
    points = zip(line.n, line.i, line.x, line.y, line.low, line.high, strict=True)
    for n, i, x, y, low, high in points:
        yield line.metric, line.label, runs, seeds, n, i, x, y, _bound(low), _bound(high)


def _bound(x: float) -> float | str:
    """Empty where there is no interval."""
    return "" if isnan(x) else x


def _object(plot: Plot) -> dict[str, Any]:
    return {
        "x": plot.x,
        "lines": [
            {
                "metric": line.metric, "line": line.label, "runs": line.runs, "seeds": line.seeds,
                "n": line.n, "i": line.i, "x": line.x, "value": line.y,
                "low": [None if isnan(x) else float(x) for x in line.low],
                "high": [None if isnan(x) else float(x) for x in line.high],
                **_ahead(line),
            }
            for panel in plot.panels for line in panel.lines
        ],
        "remarks": plot.remarks,
    }  # fmt: skip


def _ahead(line: Line) -> dict[str, Any]:
    """The law of --forecast, where it was asked for and there is one."""
    if (ahead := line.ahead) is None:
        return {}
    bounds = {
        name: [None if isnan(x) else float(x) for x in values]
        for name, values in (("low", ahead.low), ("high", ahead.high))
    }
    return {
        "forecast": {
            "x": ahead.x, "value": ahead.y, **bounds, "horizon": ahead.horizon,
            "provisional": ahead.provisional,
        }
    }  # fmt: skip

"""Pictures of refined learning-rate schedules; no window system is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator
    from numpy.typing import NDArray

    from iterun.ops.lr_refinement import Refinement

    Values = NDArray[np.float64]

MOST_POINTS = 2000  # of a line: more are not seen, and make large files
FEWEST = 3  # labels of a logarithmic axis
STYLES = ("-", "--", "-.", ":")


def norms_and_schedules(
    found: Refinement,
    schedules: Mapping[str, Values],
    *,
    metric: str = "gradient norm",
    unit: str = "step",
    first: int = 0,
) -> Figure:
    """Three panels over the steps: norms, filtered norms, schedules.

    Args:
        found: the refinement that the norms are of.
        schedules: multipliers by name, (T,) each; drawn in their order, `refined` ones wide.
        metric: what the norms are called.
        unit: what the x axis counts.
        first: number of the first one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), dpi=120, layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, values, name in (
        (left, found.norms, metric),
        (middle, found.filtered, f"{metric}, filtered"),
    ):
        axes.plot(*_thinned(values, first), linewidth=0.8 if axes is left else 1.8, color="C0")
        axes.set_ylabel(name)
        # Norms over several orders of magnitude are a line on the floor otherwise.
        if values.max() > 30 * values.min():
            axes.set_yscale("log")
        else:
            axes.set_ylim(0, None)
    for k, (name, values) in enumerate(schedules.items()):
        is_refined = name.startswith("refined")
        style = "-" if is_refined else STYLES[k % len(STYLES)]
        right.plot(
            *_thinned(values, first), style, linewidth=2.4 if is_refined else 1.2, label=name
        )
    right.set_ylabel("multiplier of the peak rate")
    right.set_ylim(0, 1.05)
    right.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)
    for axes in (left, middle, right):
        axes.set_xlabel(unit)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def loss_by_rate(curves: Mapping[str, Sequence[tuple[float, float]]], name: str) -> Figure:
    """The final loss over the peak rate, a line a schedule; both axes logarithmic.

    Args:
        curves: (rate, loss) by schedule; losses that aren't finite are left out.
        name: of the loss.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    for k, (schedule, points) in enumerate(curves.items()):
        finite = [(rate, loss) for rate, loss in points if np.isfinite(loss) and loss > 0]
        x, y = [rate for rate, _ in finite], [loss for _, loss in finite]
        axes.plot(x, y, "os^vDP*X"[k % 8] + STYLES[k % 4], markersize=4, label=schedule)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        _label(axis)
    axes.set_xlabel("peak learning rate")
    axes.set_ylabel(name)
    axes.legend(fontsize="small", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _label(axis: Axis) -> None:
    """Label 1, 2 and 5 times powers of ten; where fewer than three are seen, even steps."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    low, high = sorted(axis.get_view_interval())
    locator: Locator = LogLocator(subs=(1, 2, 5))
    if sum(low <= x <= high for x in locator.tick_values(low, high)) < FEWEST:
        locator = MaxNLocator(nbins=5, min_n_ticks=FEWEST)
    axis.set_major_locator(locator)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.10g}"))
    axis.set_minor_locator(NullLocator())


def _thinned(values: Values, first: int) -> tuple[Values, Values]:
    """Numbers and values, evenly thinned where there are many; first and last are kept."""
    n = len(values)
    at = np.unique(np.linspace(0, n - 1, min(n, MOST_POINTS)).round().astype(int))
    return at.astype(np.float64) + first, values[at]

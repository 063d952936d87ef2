"""Pictures of learning curves and their forecasts; no window system is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iterun.ops.figures import labelled_axes
from iterun.ops.pictures import STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from iterun.ops.followed_curve import FollowedCurve

POINTS = 200  # of a curve that is drawn
ROOM = 0.08  # above and below the observations, of their range


def trace_figure(curve: FollowedCurve, n: int, unit: str) -> Figure:
    """Observations, the trends of the levels, and one forecast with its layer of convergence.

    Args:
        curve: what was observed.
        n: observations that the forecast is made from.
        unit: of sizes: "words".
    """
    figure, axes = labelled_axes(f"training set, {unit}", "accuracy")
    x, y = np.array(curve.x[: len(curve.y)], float), np.array(curve.y)
    along = np.linspace(curve.x[0], curve.x[-1], POINTS)
    for level in curve.levels:
        label = "trends of all levels" if level is curve.levels[-1] else None
        axes.plot(along, level.law.at(along), "-", color="0.8", linewidth=0.6, label=label)
    if (made := next((one for one in curve.levels if one.n == n), None)) is not None:
        ahead = along[along >= made.x] if made.x < along[-1] else along
        trend = made.law.at(ahead)
        axes.plot(ahead, trend, "--", color="C1", label=f"forecast from {n} levels")
        if made.layer is not None:
            band = trend - made.layer, np.minimum(trend + made.layer, 1.0)
            label = f"its layer, ±{made.layer:.2g}"
            axes.fill_between(ahead, *band, color="C1", alpha=0.12, linewidth=0, label=label)
    spread = [float(np.std(one, ddof=1)) if len(one) > 1 else 0.0 for one in curve.by_fold]
    if any(spread):
        label = "observed, with the spread of folds"
        axes.errorbar(x, y, spread, fmt="o", markersize=3.5, color="C0", label=label)
    else:
        axes.plot(x, y, "o", markersize=3.5, color="C0", label="observed")
    room = ROOM * max(float(np.ptp(y)), 0.01)
    axes.set_ylim(float(y.min()) - room, min(1.0, float(y.max()) + 3 * room))
    axes.legend(fontsize="small", frameon=False, loc="lower right")
    return figure


def learners_figure(curves: Mapping[str, FollowedCurve], n: int, unit: str) -> Figure:
    """What each learner reached, and its forecast from the first n levels.

    Args:
        curves: by learner.
        n: observations that forecasts are made from.
        unit: of sizes.
    """
    figure, axes = labelled_axes(f"training set, {unit}", "accuracy")
    for k, (name, curve) in enumerate(curves.items()):
        marker, _ = STYLES[k % len(STYLES)]  # told apart without color too
        x, color = curve.x[: len(curve.y)], f"C{k}"
        axes.plot(x, curve.y, marker, markersize=3.5, color=color, label=name)
        law = curve.trend(n)
        if law is not None and n < len(curve.x):
            along = np.linspace(curve.x[n - 1], curve.x[-1], POINTS)
            axes.plot(along, law.at(along), "-", linewidth=1, color=color)
    axes.plot([], [], "-", linewidth=1, color="0.4", label=f"forecast from {n} levels")
    axes.legend(fontsize="small", frameon=False, loc="lower right")
    return figure

"""Pictures of generations of models that consume their own samples; no window system is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.ops.pictures import STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

COLUMNS = 8  # panels side by side, at most
MARGIN = 1.3  # of the axes around the outermost center


def points_by_round(shown: Mapping[str, Sequence[Array]], centers: Array, favored: int) -> Figure:
    """A row of panels an arm, a panel a generation.

    Args:
        shown: points (n, 2) of each generation, by arm.
        centers: of the data's modes, (k, 2): crosses.
        favored: the one that the reward is for: a ring.
    """
    from matplotlib.figure import Figure

    n = max(len(generations) for generations in shown.values())
    columns = _spread(n)
    size = (1.5 * len(columns) + 0.4, 1.6 * len(shown) + 0.2)
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    panels = figure.subplots(len(shown), len(columns), squeeze=False, sharex=True, sharey=True)
    bound = MARGIN * float(abs(centers).max()) + 0.2
    for axes, i in zip(panels[0], columns, strict=True):
        axes.set_title(f"round {i}", fontsize="small")
    for row, (label, generations) in zip(panels, shown.items(), strict=True):
        for axes, i in zip(row, columns, strict=True):
            _bare(axes, bound)
            if i < len(generations):
                axes.plot(*generations[i].T, ".", markersize=1.5, color="C0")
            axes.plot(*centers.T, "+", markersize=4, color="0.5")
            axes.plot(*centers[favored], "o", markersize=13, fillstyle="none", color="C3")
        row[0].set_ylabel(label, fontsize="small")
    return figure


def shares_by_round(series: Mapping[str, Array], names: Sequence[str]) -> Figure:
    """A panel an arm, with the probability of each state by round.

    Args:
        series: (rounds, states) by arm.
        names: of the states.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.4 * len(series) + 0.6, 3), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(series), squeeze=False, sharey=True)[0]
    for axes, (label, shares) in zip(panels, series.items(), strict=True):
        for k, name in enumerate(names):
            marker, line = STYLES[k % len(STYLES)]  # told apart without color too
            axes.plot(shares[:, k], marker=marker, linestyle=line, markersize=4, label=name)
        axes.set_title(label, fontsize="small")
        axes.set_xlabel("round")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(0, 1)
    panels[0].set_ylabel("probability")
    panels[-1].legend(fontsize="small", frameon=False)
    return figure


def _spread(n: int) -> list[int]:
    """Which of n generations are drawn: the first, the last, and others evenly between."""
    if n <= COLUMNS:
        return list(range(n))
    return [round(k * (n - 1) / (COLUMNS - 1)) for k in range(COLUMNS)]


def _bare(axes: Any, bound: float) -> None:
    axes.set_xlim(-bound, bound)
    axes.set_ylim(-bound, bound)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])

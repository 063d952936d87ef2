"""Pictures of pruning runs as matplotlib figures; no window system is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

_MARKERS = "os^vDP*X"  # kinds are told apart without colour too


def layer_sparsity(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Sparsity of every matrix, by block; one series for each kind of matrix.

    Args:
        rows: with `block`, `kind` and `sparsity`, as in sparsity.json.
    """
    figure, axes = _axes("block", "sparsity: share of weights that are zero")
    kinds = list(dict.fromkeys(row["kind"] for row in rows))
    for k, kind in enumerate(kinds):
        own = [row for row in rows if row["kind"] == kind]
        # Side by side within the block: equal sparsities would hide one another.
        x = [row["block"] + 0.08 * (k - (len(kinds) - 1) / 2) for row in own]
        y = [row["sparsity"] for row in own]
        axes.plot(x, y, _MARKERS[k % len(_MARKERS)], markersize=5, label=kind)
    axes.set_ylim(0, 1)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if kinds:
        axes.legend(ncols=2, fontsize="small", frameon=False)
    return figure


def perplexity_curve(points: Sequence[tuple[int, float]], levels: Mapping[str, float]) -> Figure:
    """Perplexity by iteration, beside levels to compare it with; logarithmic.

    Args:
        points: (iteration, perplexity); those that aren't finite are left out.
        levels: horizontal lines by name: dense, pruned.
    """
    from math import isfinite

    from matplotlib.ticker import LogFormatter

    figure, axes = _axes("iteration", "perplexity")
    drawn = [(i, ppl) for i, ppl in points if isfinite(ppl)]
    axes.plot(
        [i for i, _ in drawn], [ppl for _, ppl in drawn], "o-", markersize=4, label="this run"
    )
    for (name, level), style in zip(levels.items(), ("--", ":", "-."), strict=False):
        if isfinite(level):
            axes.axhline(level, color="0.4", linestyle=style, label=f"{name} {level:.4g}")
    axes.set_yscale("log")
    for place in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        place(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))  # 80, not 8 x 10^1
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize="small", frameon=False)
    return figure


def _axes(x: str, y: str) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes

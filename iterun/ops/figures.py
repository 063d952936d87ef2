"""Pictures of pruning runs as matplotlib figures; no window system is touched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_MARKERS = "os^vDP*X"  # kinds are told apart without colour too


def layer_sparsity(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Sparsity of every matrix, by block; one series for each kind of matrix.

    Args:
        rows: with `block`, `kind` and `sparsity`, as in sparsity.json.
    """
    figure, axes = labelled_axes("block", "sparsity: share of weights that are zero")
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
    figure, axes = labelled_axes("iteration", "perplexity")
    _draw_perplexity(axes, points, levels)
    return figure


def pruning_curve(
    points: Sequence[tuple[int, float]],
    levels: Mapping[str, float],
    ratios: Sequence[tuple[int, float, float, float]],
) -> Figure:
    """`perplexity_curve`, and below it the shares of heads and channels pruned by then.

    Args:
        points: (iteration, perplexity).
        levels: horizontal lines by name.
        ratios: (iteration, asked for, of heads, of channels).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5.5), dpi=120, layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 2))
    above.set_ylabel("perplexity")
    below.set_xlabel("iteration")
    below.set_ylabel("share pruned")
    _draw_perplexity(above, points, levels)
    x = [row[0] for row in ratios]
    # What is asked for stands behind and wider: mostly all three are the same.
    styles = (("asked for", "-", 5, "0.8"), ("heads", "o--", 1.2, None), ("channels", ":", 2, None))
    for k, (name, style, width, color) in enumerate(styles, start=1):
        y = [row[k] for row in ratios]
        below.plot(x, y, style, linewidth=width, color=color, markersize=4, label=name)
    below.set_ylim(0, 1)
    below.legend(fontsize="small", frameon=False, loc="upper left")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def kept_units(kept: Mapping[str, Any], n_blocks: int) -> Figure:
    """Which heads and channels of each block are left: dark is kept, white pruned.

    Args:
        kept: arrays of truth values by "BLOCK.heads" and "BLOCK.channels"; others are whole.
        n_blocks: of the model.
    """
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.3 * n_blocks), dpi=120, layout="constrained")
    pair = figure.subplots(1, 2, width_ratios=(1, 2))
    for axes, kind in zip(pair, ("heads", "channels"), strict=True):
        n = max(len(units) for name, units in kept.items() if name.endswith(kind))
        picture = np.ones((n_blocks, n))
        for b in range(n_blocks):
            units = kept.get(f"{b}.{kind}", ())
            picture[b, : len(units)] = units
        # Cells of their own size, with lines between the blocks; white cells need a frame.
        axes.imshow(picture, cmap="Blues", vmin=0, vmax=1.3, aspect="auto", interpolation="nearest")
        axes.hlines(np.arange(n_blocks - 1) + 0.5, -0.5, n - 0.5, color="0.6", linewidth=0.5)
        if kind == "heads":
            axes.vlines(np.arange(n - 1) + 0.5, -0.5, n_blocks - 0.5, color="0.6", linewidth=0.5)
        axes.set_xlabel(f"{kind} of a block")
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.xaxis.get_major_locator().set_params(integer=True)
    pair[0].set_ylabel("block")
    figure.suptitle("dark: kept, white: pruned", fontsize="small")
    return figure


def _draw_perplexity(
    axes: Any, points: Sequence[tuple[int, float]], levels: Mapping[str, float]
) -> None:
    from math import isfinite

    drawn = [(i, ppl) for i, ppl in points if isfinite(ppl)]
    axes.plot(
        [i for i, _ in drawn], [ppl for _, ppl in drawn], "o-", markersize=4, label="this run"
    )
    for (name, level), style in zip(levels.items(), ("--", ":", "-."), strict=False):
        if isfinite(level):
            axes.axhline(level, color="0.4", linestyle=style, label=f"{name} {level:.4g}")
    axes.set_yscale("log")
    plain_numbers(axes.yaxis)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize="small", frameon=False)


def accuracy_by_density(
    curves: Mapping[str, Sequence[tuple[float, float]]], dense: float
) -> Figure:
    """Accuracy over the share of weights that is kept, which falls from left to right.

    Args:
        curves: by arm: (share kept, accuracy); one mark each.
        dense: the dense network's accuracy, a line across.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure, axes = labelled_axes("weights kept, per cent", "test accuracy")
    for k, (name, points) in enumerate(curves.items()):
        x, y = [100 * kept for kept, _ in points], [accuracy for _, accuracy in points]
        style = "-" if k == 0 else "--"
        axes.plot(x, y, _MARKERS[k % len(_MARKERS)] + style, markersize=4, label=name)
    axes.axhline(dense, color="0.4", linestyle=":", label=f"dense {dense:.4g}")
    axes.set_xscale("log")
    # A mark at every other level, as papers have it.
    seen = sorted({100 * kept for points in curves.values() for kept, _ in points}, reverse=True)
    axes.set_xticks(seen[:: max(1, round(len(seen) / 8))])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_inverted(True)
    axes.legend(fontsize="small", frameon=False)
    return figure


def mask_tiles(mask: NDArray[np.bool_], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """A first layer's mask as a picture: a tile for each unit, bright where a weight is kept.

    Args:
        mask: (units, inputs) of a linear layer, or (units, channels, height, width).
        shape: of the pictures: the inputs of a linear layer are laid out like them.

    Returns:
        (height, width, 3) in [0, 1]: three channels are red, green and blue; others a mean.
    """
    import numpy as np

    tiles = mask.reshape(len(mask), *(shape if mask.ndim == 2 else mask.shape[1:])).astype(float)
    if tiles.shape[1] != 3:
        tiles = np.repeat(tiles.mean(axis=1, keepdims=True), 3, axis=1)
    n, _, height, width = tiles.shape
    across = math.ceil(math.sqrt(n))
    down = math.ceil(n / across)
    picture = np.full((down * (height + 1) + 1, across * (width + 1) + 1, 3), 0.35)
    for k, tile in enumerate(tiles):
        top, left = (k // across) * (height + 1) + 1, (k % across) * (width + 1) + 1
        picture[top : top + height, left : left + width] = tile.transpose(1, 2, 0)
    scale = max(1, 480 // max(picture.shape[:2]))
    return picture.repeat(scale, axis=0).repeat(scale, axis=1)


def labelled_axes(x: str, y: str) -> tuple[Figure, Any]:
    """A figure of one plot, with names at its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def plain_numbers(axis: Any) -> None:
    """Write 80 on a logarithmic axis, not 8 x 10^1."""
    from matplotlib.ticker import LogFormatter

    for place in (axis.set_major_formatter, axis.set_minor_formatter):
        place(LogFormatter(labelOnlyBase=False, minor_thresholds=(2, 0.5)))

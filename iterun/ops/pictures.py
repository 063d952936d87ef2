"""Sets of pictures in one: grids, contact sheets, animations; and curves of what they are worth.

Pictures come as (n, channels, height, width) in [0, 1], torch or numpy, one channel or three; what
is made of them is 8-bit, (height, width) or (height, width, 3). No window system is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from iterun.ops.figures import labelled_axes, plain_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PAPER = 64  # brightness of gaps: neither a digit's ground nor its ink
STYLES = (("o", "-"), ("s", "--"), ("^", ":"), ("v", "-."), ("D", "-"), ("P", "--"))


def grid(pictures: Any, columns: int, *, magnify: int = 6, gap: int = 1) -> Pixels:
    """The pictures row by row.

    Args:
        pictures: (n, channels, height, width).
        columns: how many stand side by side.
        magnify: pixels a pixel, nearest neighbor.
        gap: pixels between two pictures.
    """
    values = bytes_of(pictures).repeat(magnify, axis=1).repeat(magnify, axis=2)
    n, height, width, channels = values.shape
    rows = -(-n // columns)
    sheet = np.full(
        (rows * (height + gap) - gap, columns * (width + gap) - gap, channels), PAPER, np.uint8
    )
    for k, picture in enumerate(values):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet[:, :, 0] if channels == 1 else sheet


def contact_sheet(rows: Sequence[Any], *, magnify: int = 6, gap: int = 1) -> Pixels:
    """One row of pictures for each iteration, say; rows may be of different lengths."""
    columns = max(len(row) for row in rows)
    grids = [grid(row, columns, magnify=magnify, gap=gap) for row in rows]
    between = np.full((gap, *grids[0].shape[1:]), PAPER, np.uint8)
    parts = [part for one in grids for part in (between, one)]
    return np.concatenate(parts[1:])


def bytes_of(pictures: Any) -> Pixels:
    """Brightness in [0, 1] as 0 ... 255: (n, height, width, channels)."""
    if hasattr(pictures, "detach"):
        pictures = pictures.detach().float().cpu().numpy()
    values = np.asarray(pictures, dtype=np.float32).transpose(0, 2, 3, 1)
    return np.rint(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)


def write_gif(path: Path, frames: Sequence[Pixels], *, ms: int = 150) -> None:
    """An animation of equally large frames that begins anew at its end.

    Args:
        path: of the file to write.
        frames: 8-bit pictures.
        ms: how long each is shown, the last one five times as long.
    """
    from PIL import Image

    first, *others = [Image.fromarray(frame) for frame in frames]
    shown = [ms] * len(others) + [5 * ms]
    first.save(path, format="GIF", save_all=True, append_images=others, duration=shown, loop=0)


def quality_curve(
    series: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x: str,
    y: str,
    log: bool = False,
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """A line of points for each series, with horizontal lines to hold them against.

    Args:
        series: points by name.
        x: what is counted along: "function evaluations".
        y: what is measured.
        log: both axes logarithmic.
        levels: by name.
    """
    figure, axes = labelled_axes(x, y)
    for k, (name, points) in enumerate(series.items()):
        marker, line = STYLES[k % len(STYLES)]  # told apart without color too
        xs, ys = zip(*points, strict=True) if points else ((), ())
        axes.plot(xs, ys, marker=marker, linestyle=line, markersize=5, label=name)
    for name, level in (levels or {}).items():
        axes.axhline(level, color="0.5", linewidth=1, label=f"{name} {level:.4g}")
    if log:
        _logarithmic(axes, series)
    axes.legend(fontsize="small", frameon=False)
    return figure


def _logarithmic(axes: Any, series: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    counts = sorted({x for points in series.values() for x, _ in points})
    if 0 < len(counts) <= 8:
        axes.xaxis.set_major_locator(FixedLocator(counts))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
    plain_numbers(axes.yaxis)

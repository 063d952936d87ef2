"""Sets of pictures in one: grids, contact sheets, animations; and curves of what they are worth.

Pictures come as (n, channels, height, width) in [0, 1], torch or numpy, one channel or three; what
is made of them is 8-bit, (height, width) or (height, width, 3). No window system is touched.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from iterun.ops.figures import labelled_axes, plain_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

PAPER = 64  # brightness of gaps: neither a digit's ground nor its ink
BESIDE = 6  # pixels on both sides of a caption
FEW = 8  # counts up to which each has its own mark at the axis
CROWDED = 60  # points up to which each is marked
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


def contact_sheet(
    rows: Sequence[Any], captions: Sequence[str] = (), *, magnify: int = 6, gap: int = 1
) -> Pixels:
    """One row of pictures for each iteration, say; rows may be of different lengths.

    Args:
        rows: pictures.
        captions: what each row is, written to its left; none: nothing is.
        magnify: pixels a pixel.
        gap: pixels between two pictures.
    """
    columns = max(len(row) for row in rows)
    return stacked([grid(row, columns, magnify=magnify, gap=gap) for row in rows], captions, gap)


def stacked(strips: Sequence[Pixels], captions: Sequence[str] = (), gap: int = 1) -> Pixels:
    """Equally wide pictures below one another, a caption to the left of each."""
    if captions:
        margin = _margin(captions, [len(strip) for strip in strips])
        strips = [
            np.concatenate([_like(text, strip), strip], axis=1)
            for text, strip in zip(margin, strips, strict=True)
        ]
    between = np.full((gap, *strips[0].shape[1:]), PAPER, np.uint8)
    parts = [part for strip in strips for part in (between, strip)]
    return np.concatenate(parts[1:])


def _margin(captions: Sequence[str], heights: Sequence[int]) -> list[Pixels]:
    """A picture of each caption, all of one width."""
    from PIL import Image, ImageDraw, ImageFont

    size = min(20, max(11, min(heights) // 4))
    font = ImageFont.load_default(size)
    width = 2 * BESIDE + math.ceil(max(font.getlength(text) for text in captions))
    found = []
    for text, height in zip(captions, heights, strict=True):
        picture = Image.new("L", (width, height), PAPER)
        ImageDraw.Draw(picture).text((BESIDE, height / 2), text, fill=255, font=font, anchor="lm")
        found.append(np.asarray(picture))
    return found


def _like(grey: Pixels, strip: Pixels) -> Pixels:
    return grey if strip.ndim == 2 else grey[:, :, None].repeat(strip.shape[2], axis=2)


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
    log: Literal["", "y", "xy"] = "",
    levels: Mapping[str, float] | None = None,
) -> Figure:
    """A line of points for each series, with horizontal lines to hold them against.

    Args:
        series: points by name.
        x: what is counted along: "function evaluations".
        y: what is measured.
        log: the axes that are logarithmic.
        levels: by name.
    """
    figure, axes = labelled_axes(x, y)
    for k, (name, points) in enumerate(series.items()):
        marker, line = STYLES[k % len(STYLES)]  # told apart without color too
        xs, ys = zip(*points, strict=True) if points else ((), ())
        marker = marker if len(points) <= CROWDED else ""
        axes.plot(xs, ys, marker=marker, linestyle=line, markersize=5, label=name)
    for k, (name, level) in enumerate((levels or {}).items()):
        line = STYLES[k % len(STYLES)][1]
        axes.axhline(level, color="0.5", linewidth=1, linestyle=line, label=f"{name} {level:.4g}")
    _scale(axes, series, log)
    axes.legend(fontsize="small", frameon=False)
    return figure


def _scale(axes: Any, series: Mapping[str, Sequence[tuple[float, float]]], log: str) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

    if "x" in log:
        axes.set_xscale("log")
    if "y" in log:
        axes.set_yscale("log")
        plain_numbers(axes.yaxis)
    counts = sorted({x for points in series.values() for x, _ in points})
    if 0 < len(counts) <= FEW:
        axes.xaxis.set_major_locator(FixedLocator(counts))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())

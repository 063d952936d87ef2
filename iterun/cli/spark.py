"""Small drawings of a series in one line."""

from __future__ import annotations

import itertools
from math import isfinite
from typing import TYPE_CHECKING

from iterun.store.encoding import as_float

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"
_NOT_FINITE = "x"


def sparkline(values: Sequence[float], cells: int, *, unicode: bool = True) -> str:
    """A series as a line of at most `cells` blocks, low to high over its own range.

    A longer series is averaged over equal stretches; a stretch that holds a NaN or an infinity
    shows as `x`, so that it is never smoothed away.
    """
    marks = _BLOCKS if unicode else _ASCII
    points = _thinned(values, cells)
    finite = [x for x in points if isfinite(x)]
    if not finite:
        return _NOT_FINITE * len(points)
    low = min(finite)
    span = max(finite) - low
    return "".join(_mark(x, low, span, marks) for x in points)


def _mark(x: float, low: float, span: float, marks: str) -> str:
    if not isfinite(x):
        return _NOT_FINITE
    share = (x - low) / span if span and isfinite(span) else 0.5
    return marks[min(int(share * len(marks)), len(marks) - 1)]


def _thinned(values: Sequence[float], cells: int) -> list[float]:
    n = len(values)
    if n <= cells:
        return [as_float(x) for x in values]
    edges = [k * n // cells for k in range(cells + 1)]
    return [sum(map(as_float, values[a:b])) / (b - a) for a, b in itertools.pairwise(edges)]


def bar(share: float, cells: int, *, unicode: bool = True) -> tuple[str, str]:
    """A bar of `cells` cells as its full and its empty part; `share` is clipped to 0..1."""
    full = round(min(max(share, 0.0), 1.0) * cells)
    line, rest = ("━", "─") if unicode else ("#", "-")
    return line * full, rest * (cells - full)

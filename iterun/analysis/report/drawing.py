"""Where lines and marks of a drawing lie: numbers for SVG, no markup. The page's script redraws."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING

from iterun.analysis.numbers import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Point = tuple[float, float]

SPARK = (160, 40)  #: width and height
CHART = (760, 320)
MARGINS = (56, 12, 12, 34)  #: left, top, right, bottom
WHISKER = (190, 20)
_MOST_POINTS = 160  #: of a small curve


@dataclass
class Line:
    """A curve: an SVG path, and where it ends."""

    d: str
    end: Point


@dataclass
class Stroke:
    """A curve of a chart; `band` is the area of its interval, or empty."""

    index: int
    d: str
    band: str = ""
    dot: Point | None = None  #: of a curve with one point only


@dataclass
class Chart:
    """A chart as it stands without a script."""

    strokes: list[Stroke] = field(default_factory=list)
    x_ticks: list[tuple[float, str]] = field(default_factory=list)
    y_ticks: list[tuple[float, str]] = field(default_factory=list)


@dataclass
class Whisker:
    """A mean with its interval on a scale that several share."""

    x: float
    low: float | None
    high: float | None


def spark(points: Sequence[Point]) -> Line | None:
    """A small curve without axes; None with fewer than two finite values."""
    finite = [(x, y) for x, y in points if isfinite(y)]
    if len(finite) < 2:
        return None
    if len(finite) > _MOST_POINTS:
        finite = [finite[k] for k in extremes([y for _, y in finite], _MOST_POINTS)]
    width, height = SPARK
    x_of = _scale(finite[0][0], finite[-1][0], 3, width - 5)
    ys = [y for _, y in finite]
    y_of = _scale(min(ys), max(ys), height - 4, 4)
    placed = [(x_of(x), y_of(y)) for x, y in finite]
    return Line(_path(placed), placed[-1])


def extremes(ys: Sequence[float], most: int) -> list[int]:
    """At most `most` + 2 positions that keep a curve's shape: of each stretch its two extremes."""
    n = len(ys)
    if n <= most:
        return list(range(n))
    stretches = max(1, most // 2)
    step = n / stretches
    kept = {0, n - 1}
    for k in range(stretches):
        last = n if k == stretches - 1 else floor((k + 1) * step)
        stretch = range(floor(k * step), last)
        finite = [j for j in stretch if isfinite(ys[j])]
        if finite:
            kept |= {min(finite, key=ys.__getitem__), max(finite, key=ys.__getitem__)}
    return sorted(kept)


def chart(curves: Sequence[Sequence[Sequence[float | None]] | None], *, log: bool) -> Chart:
    """Curves with their bands on common axes.

    Args:
        curves: (i, mean, low, high) of each, None where a number is not finite; None: no curve.
        log: a logarithmic y axis; all numbers are > 0 then.
    """
    xs = [x for curve in curves if curve for x in curve[0] if x is not None]
    ys = [y for curve in curves if curve for part in curve[1:] for y in part if y is not None]
    if not ys:
        return Chart()
    left, top, right, bottom = MARGINS
    width, height = CHART
    y_ticks = log_ticks(min(ys), max(ys)) if log else ticks(min(ys), max(ys), 6)
    low, high = min(*ys, y_ticks[0]), max(*ys, y_ticks[-1])
    x_of = _scale(min(xs), max(xs), left, width - right)
    y_of = _scale(*((log10(low), log10(high)) if log else (low, high)), height - bottom, top)
    drawn = Chart(
        x_ticks=[(x_of(x), value(float(x))) for x in whole_ticks(min(xs), max(xs))],
        y_ticks=[(y_of(log10(y) if log else y), value(y)) for y in y_ticks],
    )
    for index, curve in enumerate(curves):
        if curve:
            places = [
                [(x_of(x), y_of(log10(y) if log else y)) if x is not None and y is not None
                 else None for x, y in zip(curve[0], part, strict=bool(part))]
                for part in curve[1:]
            ]  # fmt: skip
            drawn.strokes.append(_stroke(index, *places))
    return drawn


def _stroke(
    index: int,
    mean: Sequence[Point | None],
    low: Sequence[Point | None],
    high: Sequence[Point | None],
) -> Stroke:
    edges = [(a, b) for a, b in zip(low, high, strict=True) if a and b]
    band = ""
    if len(edges) > 1:
        band = _path([*(b for _, b in edges), *(a for a, _ in reversed(edges))]) + "Z"
    known = [place for place in mean if place]
    return Stroke(index, _broken(mean), band, known[0] if len(known) == 1 else None)


def _broken(places: Iterable[Point | None]) -> str:
    """A path that has a gap where a place is missing."""
    parts, part = [], []
    for place in [*places, None]:
        if place:
            part.append(place)
        elif part:
            parts.append(_path(part))
            part = []
    return "".join(parts)


def whiskers(found: Sequence[tuple[float, float, float]]) -> list[Whisker | None]:
    """Means with their intervals (mean, low, high; NaN: none) on one scale; None: no mean."""
    finite = [x for one in found for x in one if isfinite(x)]
    if not finite:
        return [None] * len(found)
    x_of = _scale(min(finite), max(finite), 6, WHISKER[0] - 6)
    return [
        Whisker(x_of(mean), x_of(low) if isfinite(low) else None,
                x_of(high) if isfinite(high) else None) if isfinite(mean) else None
        for mean, low, high in found
    ]  # fmt: skip


class _scale:  # noqa: N801  a function with two numbers in it
    """Takes [low, high] to [start, end]; a range of no width to the middle."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._span = low / 2, high / 2 - low / 2  # halves: the span may overflow
        self._start, self._length = start, end - start

    def __call__(self, x: float) -> float:
        share = (x / 2 - self._low) / self._span if self._span > 0 else 0.5
        return round(self._start + share * self._length, 1)


def _path(places: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in places)


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from below `low` to above `high`."""
    if not high / 2 - low / 2 > 0:
        return [low]
    rough = (high / 2 - low / 2) / (most - 1) * 2
    if not isfinite(rough) or rough < 1e-300:
        return [low, high]
    power = 10.0 ** floor(log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if last - first > 2 * most:  # too close together to be told apart
        return [low, high]
    return [_round(k * step, step) for k in range(first, last + 1)]


def _round(x: float, step: float) -> float:
    return round(x, max(0, 2 - floor(log10(step)))) if step < 100 else x


def whole_ticks(low: float, high: float) -> list[float]:
    """Whole numbers within [low, high]."""
    found = ticks(low, high, 9)
    return [x for x in found if low <= x <= high and float(x).is_integer()]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5 of each power of ten, or powers only, from below `low` to above `high`."""
    first, last = floor(log10(low)), ceil(log10(high))
    powers = range(first, last + 1)
    if len(powers) > 5:
        step = -(-len(powers) // 8)
        return [10.0**k for k in range(first, last + step, step) if k < 308]
    found = [m * 10.0**k for k in powers for m in (1, 2, 5)]
    start = max((k for k, x in enumerate(found) if x <= low), default=0)
    end = next((k for k, x in enumerate(found) if x >= high), len(found) - 1)
    return found[start : end + 1]

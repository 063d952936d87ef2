"""Where the ticks of an axis stand, and what they say."""

from __future__ import annotations

import itertools
from math import ceil, floor, inf, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_STEPS = (1, 2, 5, 10)
_DECADE = 10.0
_MOST_DIGITS = 6  #: of a label, before it takes an exponent


def linear(low: float, high: float, most: int) -> list[float]:
    """At most `most` round numbers in [low, high], equally far apart: 1, 2 or 5 times 10^k.

    Fewer than two where the range is too narrow for floats to tell its numbers apart.
    """
    span = high - low
    rough = span / max(most - 1, 1)
    if not 1e-300 < rough < inf:
        return [low]
    exponent = floor(log10(rough))
    for factor in itertools.chain(_STEPS, (20, 50, 100)):
        step = _power(exponent, factor)
        first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
        if last - first < most:
            found = [_power(exponent, k * factor) for k in range(first, last + 1)]
            slack = 1e-6 * span
            return [x for x in found if low - slack <= x <= high + slack] or [low]
    return [low]


def logarithmic(low: float, high: float, most: int) -> list[float]:
    """At most `most` numbers in [low, high] > 0: powers of ten, with 2 and 5 where few fit.

    Linear ones where the range is shorter than a decade and holds fewer than three of those.
    """
    first, last = floor(log10(low)), min(ceil(log10(high)), 307)
    for factors in ((1, 2, 5), (1,)):
        found = [
            x for k in range(first, last + 1) for f in factors if low <= (x := _power(k, f)) <= high
        ]
        if len(found) <= most:
            break
    else:
        found = found[:: -(-len(found) // most)]
    is_wide = high / low >= _DECADE
    return found if len(found) >= 3 or (found and is_wide) else linear(low, high, most)


def _power(exponent: int, factor: int) -> float:
    """Give factor * 10^exponent, as near as floats come: 0.3, not 0.30000000000000004."""
    return float(f"{factor}e{exponent}")


def labels(ticks: Sequence[float]) -> list[str]:
    """The ticks as text: equally many decimals, or an exponent each where numbers are long."""
    texts = [_shortest(x) for x in ticks]
    if any("e" in text for text in texts):
        return [text if "e" in text else _shortest(x) for x, text in zip(ticks, texts, strict=True)]
    places = [len(text.partition(".")[2]) for text in texts]
    is_even = len(ticks) < 3 or abs((ticks[2] - ticks[1]) - (ticks[1] - ticks[0])) < 1e-9 * abs(
        ticks[-1] - ticks[0]
    )
    return [f"{x:.{max(places)}f}" for x in ticks] if is_even and places else texts


def _shortest(x: float) -> str:
    """Without zeros that say nothing: "0.3", "20", "1e-05", "2e+07"."""
    if x == 0:
        return "0"
    if 1e-4 <= abs(x) < 10**_MOST_DIGITS:
        return f"{x:.10f}".rstrip("0").rstrip(".")
    mantissa, _, exponent = f"{x:.6e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"

"""A range of values along an axis, linear or logarithmic; every float can stand on it."""

from __future__ import annotations

from dataclasses import dataclass
from sys import float_info
from typing import TYPE_CHECKING

import numpy as np

from iterun.cli import ticks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EXPONENTS = -307.0, 308.0  #: of ten, that floats hold


@dataclass
class Axis:
    """A range of values as shares of a length."""

    low: float
    high: float
    is_log: bool
    is_whole: bool = False  #: only whole numbers stand on it

    @classmethod
    def over(cls, values: Floats, *, is_log: bool, margin: float) -> Axis:
        """The range of what can stand on it, with a margin; one around a single value."""
        finite = values[np.isfinite(values) & ((values > 0) | (not is_log))]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (1.0, 2.0)
        if low == high:
            half = abs(low) / 2 or 0.5
            low, high = (low / 2, high * 2) if is_log else (low - half, high + half)
            low, high = max(low, -float_info.max), min(high, float_info.max)
        a, b = (np.log10(low), np.log10(high)) if is_log else (low, high)
        room = (b - a) * margin if np.isfinite(b - a) else 0.0
        a, b = float(a - room), float(b + room)
        if is_log:
            a, b = max(a, _EXPONENTS[0]), min(b, _EXPONENTS[1])
            return cls(min(10**a, low), max(10**b, high), True)
        return cls(a, b, False)

    def share(self, values: Floats) -> Floats:
        """0 at the low end, 1 at the high one."""
        with np.errstate(all="ignore"):
            if self.is_log:
                low, high = np.log10(self.low), np.log10(self.high)
                found: Floats = (np.log10(values) - low) / (high - low)
            else:  # halves: a difference of huge numbers stays finite
                found = (values / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return found

    def ticks(self, most: int) -> list[float]:
        """Round numbers in the range."""
        draw = ticks.logarithmic if self.is_log else ticks.linear
        found = draw(self.low, self.high, most)
        return [x for x in found if x.is_integer()] if self.is_whole else found

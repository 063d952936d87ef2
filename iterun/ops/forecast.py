"""What a curve will come to, and whether going on is worth it: the forecast rule (2402.02515).

After every observation a power law is fitted to all of them (`ops.learning_curve`), and its value
at the horizon is the forecast. It is provisional before the prediction level: the asymptotes have
to stand still within ν = 4 gain for 5 levels, and then leave the end of the scale. The rule ends a
run in which, past that level and `confirm` observations in a row,

    forecast - best so far <= gain   and   drift <= gain           ("forecast")
    target - forecast > 5 gain                                     ("unreachable")

with drift the largest change of the forecast against the last 3 fits. A falling metric is the same
upside down. Departures: ν is 0.02 in the paper, for accuracies; 4 gain is that at gain 0.005 and
has the unit of any metric. The level that a stop is made at has to be off the end of the scale,
too: an asymptote that came back there is not identified. A metric that goes back ends the rule: its
distance to the best monotone curve, not to the law, is held against 3 median changes (and the
gain), since a law leaves more than that over of any curve that has come to rest. Beyond 200
observations a law is fitted when they have grown by a 200th: n take some hundred fits and not n;
`confirm` counts fits there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from iterun.ops.learning_curve import FEWEST, Level, PowerLaw, extended, working_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Verdict = Literal["forecast", "unreachable"]

GAIN, LEAST, CONFIRM = 0.005, 6, 3  #: what the rule takes where nothing is said
STEADY = 4  # gains between two asymptotes: 0.02 for a gain of 0.005
LOOKAHEAD = 5  # levels
MARGIN = 5  # gains between a forecast and a target that is out of reach
DRIFT_FITS, RANGE_FITS = 3, 5
WIDENED = 2.0  # residuals that the range of the last forecasts is widened by
MISFIT = 3.0  # median changes that a residual may have
RANGES = 10  # that an unbounded metric may still go beyond its best value
ALL_FITTED = 200
MISFIT_FOUND = (
    f"goes back by more than {MISFIT:g} times what it changes from one iteration to the next"
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When to stop; `gain` in the metric's own unit."""

    gain: float = GAIN  #: what is not worth going on for, > 0
    least: int = LEAST  #: the first iteration that may stop
    confirm: int = CONFIRM  #: observations in a row
    target: float | None = None


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What the observations up to iteration i say of the horizon."""

    i: int
    horizon: int  #: iteration
    x: float  #: there
    law: PowerLaw
    layer: float | None  #: of convergence, in the metric's unit
    value: float
    low: float  #: of the last fits' forecasts, widened by what the fit leaves over
    high: float
    gain: float  #: by going on: the forecast against the best so far; negative: none
    drift: float | None  #: None before there are enough fits
    provisional: bool  #: before the prediction level


def limit_of(y: Sequence[float], *, rising: bool, top: float | None = None) -> float:
    """What the asymptote can't go beyond.

    Args:
        y: observed so far.
        rising: whether larger is better.
        top: said to be it; None: 1 of a rising metric within [0, 1], 0 of a falling one that is
            never negative, else 10 times the range seen beyond the best value.
    """
    if top is not None:
        return top
    low, high = min(y), max(y)
    if rising:
        return 1.0 if low >= 0 and high <= 1 else high + RANGES * (high - low)
    return 0.0 if low >= 0 else low - RANGES * (high - low)


def usual_gain(y: Sequence[float]) -> float:
    """A gain where none is said: 0.005 of a share, else half a percent of the range seen."""
    low, high = min(y, default=0.0), max(y, default=1.0)
    is_share = (low >= 0 and high <= 1) or low == high
    return GAIN if is_share else GAIN * (high - low)


class Forecaster:
    """Takes in a curve value by value; what it says depends on the values alone.

    Args:
        rule: when to stop.
        rising: whether larger is better.
        top: as for `limit_of`.
    """

    def __init__(self, rule: Rule, *, rising: bool, top: float | None = None) -> None:
        self.rule, self.rising, self.top = rule, rising, top
        self.i: list[int] = []
        self.x: list[float] = []
        self.y: list[float] = []
        self.levels: list[Level] = []
        self.newest: Forecast | None = None  #: of the last fit
        self.fault: str | None = None  #: why nothing is forecast any more
        self.is_misfit = False  #: the fault is the metric's and not that of its sizes
        self._is_free: list[bool] = []  # whether each level's asymptote is off the end of the scale
        self._in_a_row: dict[Verdict, int] = {"unreachable": 0, "forecast": 0}

    @property
    def verdict(self) -> Verdict | None:
        """Why to stop after the last observation, or None."""
        confirmed = (v for v, n in self._in_a_row.items() if n >= self.rule.confirm)
        return next(confirmed, None)

    def see(self, i: int, x: float, y: float, horizon: int) -> Forecast | None:
        """Take in an observation.

        Args:
            i: iteration, larger than those before.
            x: its size, positive and growing: else it is a fault.
            y: the metric; finite.
            horizon: the iteration to look at.

        Returns:
            The forecast, if a law was fitted.
        """
        if self.fault is not None:
            return None
        if not math.isfinite(x) or x <= 0 or (self.x and x <= self.x[-1]):
            self.fault = f"{x:g} at iteration {i} is no growing positive number"
            return None
        if self.top is not None and (y > self.top if self.rising else y < self.top):
            self.fault, self.is_misfit = f"goes beyond its bound, {self.top:g} (stop.top)", True
            return None
        self.i.append(i)
        self.x.append(x)
        self.y.append(y)
        if not self._fit():
            return None
        self.newest = found = self._forecast(horizon)
        if i >= self.rule.least and self._goes_back():
            self.fault, self.is_misfit = MISFIT_FOUND, True
        self._judge(found)
        return found

    def _fit(self) -> bool:
        """Fit the next level, if it is its turn."""
        n = len(self.y)
        last = self.levels[-1].n if self.levels else 0
        if n < FEWEST or (n > ALL_FITTED and n < last + -(-last // ALL_FITTED)):
            return False
        limit = limit_of(self.y, rising=self.rising, top=self.top)
        if max(self.y) == min(self.y):
            return False
        try:
            with np.errstate(all="ignore"):
                level = extended(self.levels, self.x, self.y, rising=self.rising, limit=limit)
        except (ValueError, ArithmeticError):  # values beyond what a fit can compute with
            return False
        if not all(map(math.isfinite, (level.law.a, level.law.b, level.law.c))):
            return False
        self.levels.append(level)
        self._is_free.append(not level.at_limit(limit))
        return True

    def _forecast(self, horizon: int) -> Forecast:
        x = self.x_at(horizon)
        level = self.levels[-1]
        values = [float(one.law.at(x)) for one in self.levels[-1 - DRIFT_FITS :]]
        value, before = values[-1], values[-1 - DRIFT_FITS : -1]
        _, low, high = self.course(np.array([x]))
        best = max(self.y) if self.rising else min(self.y)
        return Forecast(
            i=self.i[-1], horizon=horizon, x=x, law=level.law, layer=level.layer,
            value=value, low=float(low[0]), high=float(high[0]),
            gain=value - best if self.rising else best - value,
            drift=max(abs(value - v) for v in before) if len(before) == DRIFT_FITS else None,
            provisional=not self._is_past_prediction_level(),
        )  # fmt: skip

    def x_at(self, i: int) -> float:
        """The size at an iteration: as recorded, or further on at the mean pace so far."""
        first, last = self.i[0], self.i[-1]
        if i == last:
            return self.x[-1]
        pace = (self.x[-1] - self.x[0]) / (last - first)
        return max(self.x[-1] + (i - last) * pace, self.x[0])

    def course(self, x: Floats) -> tuple[Floats, Floats, Floats]:
        """The law fitted last along x, and the bounds of its interval; (points,) each."""
        values = [level.law.at(x) for level in self.levels[-RANGE_FITS:]]
        low, high = np.min(values, axis=0), np.max(values, axis=0)
        off = WIDENED * self._residual()
        limit = limit_of(self.y, rising=self.rising, top=self.top)
        low, high = low - off, high + off
        bounded = (low, np.minimum(high, limit)) if self.rising else (np.maximum(low, limit), high)
        return values[-1], *bounded

    def _residual(self) -> float:
        """What the last law leaves over of the later half, where it is looked on from."""
        n = max(len(self.y) // 2, 1)
        left = np.array(self.y[-n:]) - self.levels[-1].law.at(np.array(self.x[-n:]))
        return float(np.sqrt(left @ left / n))

    def _goes_back(self) -> bool:
        """Whether the metric goes back: the best monotone curve is far from it."""
        from scipy.optimize import isotonic_regression

        left = self.y - isotonic_regression(self.y, increasing=self.rising).x
        residual = math.sqrt(left @ left / len(left))
        change = float(np.median(np.abs(np.diff(self.y))))
        return residual > max(MISFIT * change, self.rule.gain)

    def _is_past_prediction_level(self) -> bool:
        """As `learning_curve.prediction_level`, each level at the end of its own scale or not."""
        working = working_level(self.levels, STEADY * self.rule.gain, LOOKAHEAD)
        if working is None:
            return False
        pairs = zip(self.levels, self._is_free, strict=True)
        return any(is_free for level, is_free in pairs if level.n >= working)

    def _judge(self, found: Forecast) -> None:
        gain, target = self.rule.gain, self.rule.target
        may = found.i >= self.rule.least and not found.provisional and self._is_free[-1]
        may = may and self.fault is None
        is_calm = found.drift is not None and found.drift <= gain
        missed = 0.0 if target is None else target - found.value
        holds: dict[Verdict, bool] = {
            "unreachable": (missed if self.rising else -missed) > MARGIN * gain,
            "forecast": is_calm and found.gain <= gain,
        }
        for verdict, is_so in holds.items():
            self._in_a_row[verdict] = self._in_a_row[verdict] + 1 if may and is_so else 0

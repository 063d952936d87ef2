"""Learning curves: their trend fitted level by level, and what its trace tells (2402.02515).

A level is a number of observations; its trend A_i is the power law of all of them, α_i its
asymptote, and the trends in order are the learning trace. q_i is the last crossing of A_i and
A_{i-1}, x_i if there is none to the right; ε_i = |A_i(q_i) - α_i| is the layer of convergence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from iterun.ops.power_law import FEWEST, Anchor, PowerLaw, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

__all__ = [
    "FEWEST",
    "Level",
    "PowerLaw",
    "extended",
    "fit",
    "prediction_level",
    "working_level",
]

FAR = 40.0  # e^-FAR of a term is nothing beside the others
SAME = 1e-9  # of asymptotes: closer than what a search can tell


@dataclass(frozen=True, kw_only=True)
class Level:
    """The trend of the first n observations."""

    n: int
    x: float  #: of the last of them
    law: PowerLaw
    layer: float | None  #: ε_i; None at the first level

    def at_limit(self, limit: float | None) -> bool:
        """Whether the asymptote lies at the end of the scale: it is not identified then."""
        return limit is not None and abs(self.law.c - limit) <= SAME * max(1.0, abs(limit))


def extended(
    levels: Sequence[Level],
    x: ArrayLike,
    y: ArrayLike,
    *,
    rising: bool = True,
    limit: float | None = 1.0,
    anchor: bool = False,
) -> Level:
    """The level of all observations, after the levels of fewer.

    Args:
        levels: so far; the last one is compared with. None: this is the first.
        x: sizes, (n,).
        y: what was observed there.
        rising: as for `fit`.
        limit: as for `fit`.
        anchor: hold the asymptote to the last level's, as one more observation whose weight
            1 - 1 / k grows to 1 with the number k of this level among all.

    Raises:
        ValueError: as `fit`.
    """
    x = np.asarray(x, np.float64)
    held = None
    if anchor and levels:
        held = Anchor(levels[-1].law.c, 1 - 1 / (len(levels) + 1))
    law = fit(x, y, rising=rising, limit=limit, anchor=held)
    layer = _layer(law, levels[-1].law, float(x[0]), float(x[-1])) if levels else None
    return Level(n=len(x), x=float(x[-1]), law=law, layer=layer)


def working_level(levels: Sequence[Level], nu: float, lookahead: int) -> int | None:
    """The first level i with |α_j - α_{j-1}| <= nu for j = i ... i + lookahead - 1, if one has.

    Args:
        levels: the trace, one after another.
        nu: the verticality threshold; with a slowdown s it is nu^(1/s).
        lookahead: levels, at least 1.

    Returns:
        Observations of level i; it is known `lookahead` - 1 levels later.
    """
    steady = 0
    for k, (before, after) in enumerate(pairwise(levels), start=1):
        steady = steady + 1 if abs(after.law.c - before.law.c) <= nu else 0
        if steady == lookahead:
            return levels[k - lookahead + 1].n
    return None


def prediction_level(
    levels: Sequence[Level], nu: float, lookahead: int, limit: float | None
) -> int | None:
    """The first level from the working level on whose asymptote is off the end of the scale.

    Args:
        levels: the trace.
        nu: as for `working_level`.
        lookahead: as for `working_level`.
        limit: of the scale, as for `fit`.
    """
    working = working_level(levels, nu, lookahead)
    if working is None:
        return None
    return next(
        (level.n for level in levels if level.n >= working and not level.at_limit(limit)), None
    )


def _layer(law: PowerLaw, before: PowerLaw, x_0: float, x: float) -> float:
    """ε of a law: how far from its asymptote it is where the one before crosses it last."""
    one, other = (_Term(each.a * x_0**-each.b, each.b) for each in (law, before))
    apart = before.c - law.c if law.rising else law.c - before.c
    return one.at(max(math.log(x / x_0), _last_crossing(one, other, apart)))


class _Term(NamedTuple):
    """a e^-bt over t = ln(x / x_0): how far a law is from its asymptote."""

    a: float
    b: float

    def at(self, t: float) -> float:
        return self.a * math.exp(-self.b * t)


def _last_crossing(one: _Term, other: _Term, apart: float) -> float:
    """The largest t >= 0 with one(t) - other(t) + apart = 0; 0 if there is none."""
    from scipy.optimize import brentq

    def gap(t: float) -> float:
        return one.at(t) - other.at(t) + apart

    faster = one.b - other.b
    if abs(apart) <= SAME * one.a:  # equal asymptotes: the terms themselves cross, once
        return max(0.0, math.log(one.a / other.a) / faster) if faster else 0.0
    # Right of where its slope is 0 the gap is monotone, and in the end it is `apart`.
    turn = max(0.0, math.log(one.a * one.b / (other.a * other.b)) / faster) if faster else 0.0
    end = turn + (FAR + abs(math.log(max(one.a, other.a) / abs(apart)))) / min(one.b, other.b)
    for left, right in ((turn, end), (0.0, turn)):
        if left < right and gap(left) * gap(right) <= 0:
            return float(brentq(gap, left, right))
    return 0.0

"""Power laws A(x) = c - a x^-b (rising) and c + a x^-b (falling), fitted by least squares.

a, b > 0, and c keeps to its side of a limit. At a given b the law is linear in a and c, so that the
best pair within the bounds has a closed form, and the trust region searches over ln b alone: an
asymptote at its limit is there exactly. Deterministic; x and y are (n,), float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

FEWEST = 3  #: observations that a law is fitted to
STARTS = (0.1, 0.4, 1.5)  # of b
SMALLEST_B, LARGEST_B = 1e-3, 20.0
LARGEST_POWER = 290.0  # of ten: x_0^b has to be a number
LARGEST_LOG = 700.0  # nats: larger sizes are no numbers
FLAT = 1e-9  # a in units of the observations' range, where they do not rise
EXACT = 1e-10  # of the search
NEAR = 1e-6  # step of ln b for slopes


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """A(x) = c - a x^-b, or + where it falls; a, b > 0."""

    a: float
    b: float
    c: float
    rising: bool

    @overload
    def at(self, x: float) -> float: ...
    @overload
    def at(self, x: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def at(self, x: float | NDArray[np.float64]) -> float | NDArray[np.float64]:
        """The value at x > 0."""
        return self.c + (-self.a if self.rising else self.a) * x**-self.b

    def reaches(self, y: float) -> float | None:
        """The x from which on the law is at y or better; None: beyond its asymptote."""
        short = self.c - y if self.rising else y - self.c
        if short <= 0:
            return None
        log_x = math.log(self.a / short) / self.b
        return math.exp(log_x) if log_x < LARGEST_LOG else None


class Anchor(NamedTuple):
    """A point at infinity, where a law has its asymptote."""

    value: float
    weight: float  #: of an observation's, in [0, 1]


def fit(
    x: ArrayLike,
    y: ArrayLike,
    *,
    rising: bool = True,
    limit: float | None = 1.0,
    anchor: Anchor | None = None,
) -> PowerLaw:
    """The power law of least squares.

    Args:
        x: sizes, positive and increasing.
        y: what was observed there.
        rising: whether the law rises to its asymptote, or falls to it.
        limit: c is at most this (rising), at least this (falling); None: unbounded.
        anchor: one more point, at infinity.

    Raises:
        ValueError: observations that no law can be fitted to.
    """
    x, y = _checked(x, y)
    sign, unit = (1.0 if rising else -1.0), float(np.ptp(y))
    one = _Observed(
        log_u=np.log(x / x[0]),
        y=sign * y / unit,  # a falling law is a rising one upside down
        top=math.inf if limit is None else sign * limit / unit,
        anchor=None if anchor is None else Anchor(sign * anchor.value / unit, anchor.weight),
    )
    b = _best_b(one, largest=min(LARGEST_B, LARGEST_POWER / max(abs(math.log10(x[0])), 1.0)))
    a, c = _linear(one, b)
    found = sign * c * unit
    if limit is not None and c == one.top:
        found = float(limit)  # exactly, whatever the unit rounds to
    return PowerLaw(a=float(a * unit * x[0] ** b), b=b, c=found, rising=rising)


class _Observed(NamedTuple):
    """Observations of a law that rises, their range 1: y(u) = c - a u^-b with u = x / x_0."""

    log_u: Array
    y: Array
    top: float
    anchor: Anchor | None


def _checked(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError("sizes and observations have to be two lists of one length")
    if len(x) < FEWEST:
        raise ValueError(f"a power law takes {FEWEST} observations or more, not {len(x)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("an observation or a size is not a finite number")
    if x[0] <= 0 or (np.diff(x) <= 0).any():
        raise ValueError("sizes have to be positive and increasing")
    if np.ptp(y) == 0:
        raise ValueError(f"all observations are {y[0]:g}: a power law changes")
    return x, y


def _best_b(one: _Observed, largest: float) -> float:
    """Trust-region least squares over ln b, from three starts.

    One unknown and smooth: the dogleg takes half the time of the reflective method.
    """
    from scipy.optimize import least_squares

    low, high = math.log(SMALLEST_B), math.log(largest)
    found = [
        least_squares(
            partial(_residuals, one),
            [math.log(min(start, 0.9 * largest))],
            jac=partial(_slopes, one),
            bounds=([low], [high]),
            method="dogbox",
            ftol=EXACT,
            xtol=EXACT,
            gtol=EXACT,
        )
        for start in STARTS
    ]
    return math.exp(float(min(found, key=lambda one: float(one.cost)).x[0]))


def _residuals(one: _Observed, log_b: Array) -> Array:
    b = math.exp(float(log_b[0]))
    a, c = _linear(one, b)
    return _off(one, np.exp(-b * one.log_u), a, c)


def _slopes(one: _Observed, log_b: Array) -> Array:
    """The residuals' derivative, (n, 1); a third of the time of the library's differences."""
    ahead, behind = _residuals(one, log_b + NEAR), _residuals(one, log_b - NEAR)
    return ((ahead - behind) / (2 * NEAR))[:, None]


def _off(one: _Observed, z: Array, a: float, c: float) -> Array:
    """Residuals at z = u^-b; the anchor's is the last."""
    off = c - a * z - one.y
    if one.anchor is None:
        return off
    return np.append(off, math.sqrt(one.anchor.weight) * (c - one.anchor.value))


def _linear(one: _Observed, b: float) -> tuple[float, float]:
    """The best a >= FLAT and c <= top at a given b."""
    z, y, w = np.exp(-b * one.log_u), one.y, np.ones(len(one.y))
    if one.anchor is not None:  # at infinity z is 0
        z, y, w = (
            np.append(values, end)
            for values, end in ((z, 0.0), (y, one.anchor.value), (w, one.anchor.weight))
        )
    total = w.sum()
    middle_z, middle_y = w @ z / total, w @ y / total
    a = -float(w * (z - middle_z) @ (y - middle_y) / (w * (z - middle_z) @ (z - middle_z)))
    c = float(middle_y + a * middle_z)
    if a >= FLAT and c <= one.top:
        return a, c
    # Convex: the best lies on an edge of what is allowed.
    edges = []
    if math.isfinite(one.top):
        edges.append((max(FLAT, float(w * z @ (one.top - y) / (w * z @ z))), one.top))
    edges.append((FLAT, min(one.top, float(middle_y + FLAT * middle_z))))
    return min(edges, key=lambda edge: float(w @ (edge[1] - edge[0] * z - y) ** 2))

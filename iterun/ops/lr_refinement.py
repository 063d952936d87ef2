"""A learning-rate schedule refined from the gradient norms of a training (arXiv 2310.07831).

    ĝ     = median filter of |g_1| ... |g_T|, over a share τ of the steps
    w_t   = ĝ_t^-p          p = 2: SGD, l2 norms; p = 1: Adam, l1 norms
    η_t   ∝ w_t Σ_{s>t} w_s                              (refined multipliers; the last is 0)
    bound = D sqrt(Σ w_t² |g_t|²) / Σ w_t                (least at w = |g|^-2: D / sqrt(Σ |g|^-2))

Equal norms give 1 - t/T, linear decay, whose bound is D sqrt(Σ |g_t|²) / T. Large norms early make
a warm-up, norms that rise late an annealing that is over sooner. The bounds here have D = 1 and
the norms as they were measured, unfiltered; those of p = 1 are the same bound at w = 1 / |g|.
Steps count from 0 here, t = 0 ... T - 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Values = NDArray[np.float64]

FEWEST = 10  # norms: a filter and a course need some
LARGEST_TAU = 0.5
COLLAPSED = 0.05  # of what is usual: a filtered norm below it at the end is going to 0


@dataclass(frozen=True, eq=False)
class Refinement:
    """What the norms of one training give the next one."""

    norms: Values  #: as measured, (T,)
    filtered: Values  #: (T,)
    multipliers: Values  #: (T,), the largest is 1, the last 0
    bound_linear: float  #: with D = 1, of equal weights
    bound_refined: float  #: of the weights |g|^-p; never above bound_linear

    @property
    def peak_step(self) -> int:
        """The step of the largest multiplier, from 0."""
        return int(self.multipliers.argmax())

    @property
    def peak_position(self) -> float:
        """The peak's share of the training, in [0, 1)."""
        return self.peak_step / len(self.multipliers)

    @property
    def share_at_end(self) -> float:
        """The last filtered norm over the usual one.

        That is the median of all, or of the first quarter if it is larger: norms that collapse
        before the middle take the median of all with them.
        """
        begin = self.filtered[: max(1, len(self.filtered) // 4)]
        return float(self.filtered[-1] / max(np.median(self.filtered), np.median(begin)))

    @property
    def collapses(self) -> bool:
        """Whether norms go to 0: the closed form then puts the peak at the end, where it fails."""
        return self.share_at_end < COLLAPSED


def refine(norms: ArrayLike, *, power: int = 2, tau: float = 0.1) -> Refinement:
    """The schedule that the norms of a training make, and its bound beside linear decay's.

    Args:
        norms: of the stochastic gradient at each step, before clipping, (T,), T at least 10; all
            positive and finite: see `first_unusable`.
        power: p, 2 for SGD on l2 norms, 1 for Adam on l1 norms.
        tau: share of the steps that the filter looks over, in [0, 0.5].
    """
    found = np.asarray(norms, np.float64)
    smooth = filtered(found, tau)
    return Refinement(
        norms=found,
        filtered=smooth,
        multipliers=closed_form(smooth, power),
        bound_linear=bound(found, np.ones_like(found)),
        bound_refined=bound(found, _weights(found, power)),
    )


def first_unusable(norms: ArrayLike) -> int | None:
    """The first step, from 0, whose norm is zero, negative or not finite."""
    found = np.asarray(norms, np.float64)
    bad = np.flatnonzero(~(np.isfinite(found) & (found > 0)))
    return int(bad[0]) if len(bad) else None


def filtered(norms: ArrayLike, tau: float) -> Values:
    """The median over 2 floor(floor(τT) / 2) + 1 steps, (T,).

    The end is lengthened by its reflection, two widths long: without it the last weights would
    come from ever fewer steps. The beginning is lengthened by its first value.
    """
    from scipy.ndimage import median_filter

    found = np.asarray(norms, np.float64)
    n = len(found)
    width = 2 * (math.floor(tau * n) // 2) + 1
    longer = np.pad(found, (0, min(2 * width, n - 1)), mode="reflect")
    smooth: Values = median_filter(longer, size=width, mode="nearest")[:n]
    return smooth


def closed_form(norms: ArrayLike, power: int) -> Values:
    """η of filtered norms, (T,), as a share of its largest value."""
    w = _weights(np.asarray(norms, np.float64), power)
    later = np.append(np.cumsum(w[:0:-1])[::-1], 0.0)  # Σ_{s>t} w_s, exactly 0 at the end
    eta = w * later
    return np.asarray(eta / eta.max())


def bound(norms: ArrayLike, weights: ArrayLike) -> float:
    """sqrt(Σ w² |g|²) / Σ w: of f(x_T) - f*, for a distance D = 1 from the solution."""
    g, w = np.asarray(norms, np.float64), np.asarray(weights, np.float64)
    return float(np.linalg.norm(w * g) / w.sum())


def _weights(norms: Values, power: int) -> Values:
    """|g|^-p up to a factor, which nothing here depends on: tiny norms would overflow."""
    return np.asarray((norms / np.median(norms)) ** -power)

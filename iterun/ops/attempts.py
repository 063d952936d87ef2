"""What several attempts at one problem are worth: pass@k, chance, and how sure a share is.

pass@k is the unbiased estimate of arXiv 2107.03374: of n attempts, c right, the share of their
subsets of k that hold a right one, 1 - C(n - c, k) / C(n, k).
"""

from __future__ import annotations

from math import comb, expm1, log1p, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_Z = 1.959963984540054  # the normal distribution's quantile at 0.975


def pass_at_k(n: int, right: int, k: int) -> float:
    """The chance that k of these attempts hold a right one.

    Args:
        n: attempts made.
        right: how many of them were.
        k: 1 ... n.
    """
    if not (0 <= right <= n and 1 <= k <= n):
        raise ValueError(f"pass@{k} of {right} right ones in {n} attempts")
    return 1 - comb(n - right, k) / comb(n, k)


def mean_pass_at_k(attempts: Sequence[Sequence[bool]], k: int) -> float:
    """Over problems; each has had at least k attempts."""
    return sum(pass_at_k(len(one), sum(one), k) for one in attempts) / len(attempts)


def within(p: float, k: int) -> float:
    """The chance of a success in k independent tries of probability p: 1 - (1 - p)^k."""
    return 1.0 if p >= 1 else -expm1(k * log1p(-p))


def wilson(k: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score, of k in n; n is above 0."""
    share, z2 = k / n, _Z * _Z / n
    center = (share + z2 / 2) / (1 + z2)
    half = _Z * sqrt(share * (1 - share) / n + z2 / (4 * n)) / (1 + z2)
    return (center - half if k else 0.0), (center + half if k < n else 1.0)

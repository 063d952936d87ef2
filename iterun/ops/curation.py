"""Curation of a model's own samples by K-choice, and what it does to a distribution (2407.09499).

    x ~ one of K samples of p, the i-th with probability w_i / Σ_j w_j,  w = e^r     (K-choice)
    p̃(x)    = p(x) w(x) K E[1 / (w(x) + w(x_2) + ... + w(x_K))]                      (kept of p)
            = p(x) w(x) K ∫_0^∞ e^{-u w(x)} M(u)^{K-1} du,  M(u) = E[e^{-u w}]
    p_{t+1} = (p_ref + λ p̃_t) / (1 + λ);  λ = ∞: p̃_t
    K -> ∞: p̃(x) = p(x) w(x) / E[w]

The integral is 1 / s = ∫ e^{-us} du under the expectation. In v = ln u its integrand is smooth and
falls off at both ends, so that equal steps give all digits of double precision, whatever K is.
Distributions are over n states, float64, (n,); rewards are in nats.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

STEP = 0.1  # in ln u; the error is about e^{-π² / step}
LEFT, RIGHT = 1e-18, 60.0  # of K w u: what lies outside is below a unit in the last place


def curated(p: ArrayLike, r: ArrayLike, K: float) -> Array:
    """The distribution p̃ of what is kept of groups of K samples of p.

    Args:
        p: a distribution, (n,).
        r: rewards, (n,).
        K: samples in a group, at least 1; infinity is the limit of ever larger ones.
    """
    p, r = normalized(p), np.asarray(r, np.float64)
    top = r[p > 0].max()
    w = np.exp(np.where(p > 0, r, top) - top)  # only ratios count, of what can be drawn
    if math.isinf(K):
        return normalized(p * w)
    first, last = math.log(LEFT / K), math.log(RIGHT / w.min())
    u = np.exp(np.linspace(first, last, math.ceil((last - first) / STEP)))
    decay = np.exp(-np.outer(w, u))
    return normalized(p * w * (decay * (p @ decay) ** (K - 1) @ u))


def curate_next(
    p: ArrayLike, r: ArrayLike, K: float, lam: float = 0.0, p_ref: ArrayLike | None = None
) -> Array:
    """p_{t+1} out of p_t.

    Args:
        p: p_t, (n,).
        r: rewards, (n,).
        K: samples in a group.
        lam: curated samples for each one of p_ref (λ), at least 0; unused without p_ref.
        p_ref: the real data; None: trained on curated samples only, λ = ∞.
    """
    kept = curated(p, r, K)
    if p_ref is None or math.isinf(lam):
        return kept
    return normalized((normalized(p_ref) + lam * kept) / (1 + lam))


def choose(rewards: Array, draw: np.random.Generator) -> NDArray[np.intp]:
    """Which one of each group is kept.

    Args:
        rewards: (groups, K).
        draw: gives a Gumbel number for each: the largest sum is a draw of softmax.

    Returns:
        Its number in the group, (groups,).
    """
    return np.asarray((rewards + draw.gumbel(size=rewards.shape)).argmax(axis=1))


def moments(r: ArrayLike, p: ArrayLike | None = None) -> dict[str, float]:
    """Mean and standard deviation of the reward; mean and variance of e^r.

    Args:
        r: of states or samples, (n,).
        p: their weights; None: equal ones.
    """
    r = np.asarray(r, np.float64)
    p = normalized(np.ones_like(r) if p is None else p)
    mean, w = float(p @ r), np.exp(r)
    return {
        "reward_mean": mean,
        "reward_std": float(np.sqrt(p @ (r - mean) ** 2)),
        "exp_reward_mean": float(p @ w),
        "exp_reward_var": float(p @ (w - p @ w) ** 2),
    }


def entropy(p: ArrayLike) -> float:
    """Of a distribution, or of counts, nats."""
    p = normalized(p)
    return max(0.0, float(-(p[p > 0] @ np.log(p[p > 0]))))  # of a single state not -0


def kl(p: ArrayLike, q: ArrayLike) -> float:
    """Σ p ln(p / q), nats; infinite where q lacks what p has."""
    p, q = normalized(p), normalized(q)
    seen = p > 0
    with np.errstate(divide="ignore"):
        found = float(p[seen] @ (np.log(p[seen]) - np.log(q[seen])))
    return max(0.0, found)  # rounding takes that of equal ones below


def normalized(p: ArrayLike) -> Array:
    """Divided by its sum: rounding of it would grow as (1 + error)^K with every round."""
    p = np.asarray(p, np.float64)
    return np.asarray(p / p.sum())

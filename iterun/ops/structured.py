"""Which heads and channels to prune, judged by low-rank adapters (LoRAPrune, arXiv 2305.18403).

With the frozen W (out, in), factors B (out, r) and A (r, in), their gradients, scale = α/r:

    Ĝ   = (∂L/∂B) A + B (∂L/∂A) - (∂L/∂B)(∂L/∂A)    what a unit step of descent takes off BA
    s   = |(W + scale·BA) ⊙ Ĝ|^power                importance of every weight
    s_u = Σ of s over unit u's rows, or columns     divided by (their L2 norm + 1e-8): one matrix
    s_g = Σ of s_u over the matrices of a group     what goes together or stays together
    I   <- 0.9 I + 0.1 s_g                          from zero; left as it is where s_g has a NaN
    ρ   = ρ₀ for t <= wT; ρ_f for t >= (1 - c)T; between them
          ρ_f + (ρ₀ - ρ_f)(1 - (t - wT) / ((1 - w - c)T))³

Of n units int(n·ρ) go: those of least I among the living, after those that went before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

Along = Literal["rows", "columns"]
DECAY = 0.9  # of the moving average
EPSILON = 1e-8


def gradient_estimate(A: Tensor, B: Tensor, grad_A: Tensor, grad_B: Tensor) -> Tensor:
    """Ĝ: minus the change of BA when both factors take a step of size 1 down their gradients.

    Args:
        A: (r, in).
        B: (out, r).
        grad_A: ∂L/∂A.
        grad_B: ∂L/∂B.

    Returns:
        (out, in), without the adapter's scale: autograd has put it into the two gradients.
    """
    estimate = B @ grad_A
    # One product for two terms: G_B A - G_B G_A.
    return estimate.addmm_(grad_B, A - grad_A)


def importance_(weight: Tensor, gradient: Tensor | None, power: int) -> Tensor:
    """|weight ⊙ gradient|^power, entry by entry, written over `weight`.

    Args:
        weight: (out, in).
        gradient: of its shape; None: it is 1 everywhere.
        power: 1 or 2.
    """
    if gradient is not None:
        weight.mul_(gradient)
    weight.abs_()
    return weight if power == 1 else weight.pow_(power)


def unit_sums(lines: Tensor, size: int) -> Tensor:
    """Sums over units of `size` neighbouring rows or columns, given the sum of each; (units,)."""
    units: Tensor = lines.view(-1, size).sum(dim=1)
    return units


def normalized(sums: Tensor) -> Tensor:
    """A matrix's unit importances, made comparable with those of others; (units,)."""
    unit: Tensor = sums / (torch.linalg.vector_norm(sums) + EPSILON)
    return unit


def group_importance(matrices: Iterable[Tensor]) -> Tensor:
    """The importance of a group's units from the sums of its matrices; (units,)."""
    first, *others = map(normalized, matrices)
    for other in others:
        first += other
    return first


def moved_average(average: Tensor, new: Tensor) -> Tensor | None:
    """The moving average after `new`; None if that has a NaN, and the old one stays."""
    if new.isnan().any():
        return None
    return DECAY * average + (1 - DECAY) * new


def shrunk(kept: Tensor, average: Tensor, n_gone: int) -> Tensor:
    """The mask in which `n_gone` units are pruned; it only shrinks.

    Args:
        kept: bool, (units,), True = kept.
        average: I, (units,), >= 0.
        n_gone: pruned units afterwards; if more are gone already, the mask stays.
    """
    # Below every importance, so that what is gone stays gone; ties go by number.
    order = torch.where(kept, average, -torch.inf).argsort(stable=True)
    result = kept.clone()
    result[order[:n_gone]] = False
    return result


@dataclass(frozen=True, kw_only=True)
class RatioSchedule:
    """The ratio to prune to, by the optimizer steps done."""

    steps: int  #: T
    first: float  #: ρ₀, at the end of the warm-up
    last: float  #: ρ_f
    warmup: float  #: share of the steps at ρ₀ (w)
    cooldown: float  #: share of the steps at ρ_f (c)

    @property
    def cooldown_start(self) -> int:
        """The first step at ρ_f."""
        return max(1, self.steps - int(self.cooldown * self.steps + 1e-9))

    def ratio(self, t: int) -> float:
        """ρ after t = 1 ... T steps."""
        warm = self.warmup * self.steps
        if t >= self.cooldown_start:
            return self.last
        if t <= warm:
            return self.first
        passed = (t - warm) / (self.steps - (self.warmup + self.cooldown) * self.steps)
        return self.last + (self.first - self.last) * max(0.0, 1 - passed) ** 3

    def is_update(self, t: int, every: int) -> bool:
        """Whether masks shrink after step t: every so many steps, last when the cool-down starts.

        Later ones would change nothing: the ratio has come to its end.
        """
        start = self.cooldown_start
        return t == start or (t < start and t % every == 0)


def matrix_mask(kept: Tensor, along: Along, size: int, shape: tuple[int, int]) -> Tensor:
    """The mask of a matrix from that of its units; bool, `shape`, True = kept."""
    lines = kept.repeat_interleave(size)
    return (lines[:, None] if along == "rows" else lines[None, :]).expand(shape)

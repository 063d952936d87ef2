"""A plain training: AdamW, the rate rising to its peak and falling along a cosine to a tenth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from iterun.errors import DivergedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from iterun.types import Shown

LAST = 0.1  # of the peak rate, at the last step
TAIL = 20  # steps whose mean loss is told


@dataclass(frozen=True, kw_only=True)
class AdamWRecipe:
    """How long and how fast."""

    steps: int  #: optimizer steps
    lr: float  #: peak rate
    warmup: int = 20  #: steps in which the rate rises along a line; the first one is not without
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = 0.01
    clip: float = 1.0  #: largest norm of the gradient

    def rate(self, step: int) -> float:
        """Multiplier of the peak rate at optimizer step `step`, from 0 on."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        share = (step - self.warmup) / max(1, self.steps - 1 - self.warmup)
        return LAST + (1 - LAST) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def fit(
    module: nn.Module,
    loss_at: Callable[[int], Tensor],
    recipe: AdamWRecipe,
    shown: Shown,
    label: str,
) -> float:
    """Train all parameters; the mean loss of the last 20 steps.

    Args:
        module: in the mode it is to be trained in.
        loss_at: the loss of step k, from 0 on: a scalar.
        recipe: of the training.
        shown: `run.progress`: a bar, and ears for signals.
        label: of the bar.

    Raises:
        DivergedError: the loss is not finite.
    """
    optimizer = torch.optim.AdamW(
        module.parameters(), lr=recipe.lr, betas=recipe.betas, weight_decay=recipe.weight_decay
    )
    losses = []
    for step in shown(range(recipe.steps), label):
        optimizer.param_groups[0]["lr"] = recipe.lr * recipe.rate(step)
        loss = loss_at(step)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise DivergedError(
                f"{label}: the loss is {losses[-1]} at step {step + 1}",
                hint=f"a lower rate than {recipe.lr:g}",
            )
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
        optimizer.step()
    tail = losses[-TAIL:]
    return sum(tail) / len(tail)

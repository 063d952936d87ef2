"""Reward models fitted to pairs of answers by the likelihood of Bradley and Terry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from iterun.errors import ConfigError
from iterun.models.adamw_loop import AdamWRecipe, fit
from iterun.ops.preference import bradley_terry_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.models.reward import RewardModel
    from iterun.types import Shown


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt, the better one first."""

    prompt: str
    chosen: str
    rejected: str


def train(
    reward: RewardModel,
    pairs: Sequence[Pair],
    recipe: AdamWRecipe,
    batch_size: int,
    generator: torch.Generator,
    shown: Shown,
) -> float:
    """Fit all weights to the pairs; the mean loss of the last steps, nats a pair.

    Args:
        reward: trained in place, left in eval mode.
        pairs: each comes once before any comes again.
        recipe: steps and rates.
        batch_size: pairs a step.
        generator: draws the order.
        shown: `run.progress`.

    Raises:
        ConfigError: there is no pair.
        DivergedError: the loss is not finite.
    """
    if not pairs:
        raise ConfigError(
            "the reward model has no pair to learn from: no prompt has a better and a worse answer",
            hint="more prompts or more answers to each",
        )
    rows = [[reward.encode(p.prompt, text) for text in (p.chosen, p.rejected)] for p in pairs]
    waiting: list[int] = []

    def loss_at(_: int) -> Tensor:
        while len(waiting) < batch_size:
            waiting.extend(torch.randperm(len(rows), generator=generator).tolist())
        part = [rows[waiting.pop(0)] for _ in range(batch_size)]
        scores = reward.forward([pair[0] for pair in part] + [pair[1] for pair in part])
        return bradley_terry_loss(scores[: len(part)], scores[len(part) :])

    reward.module.requires_grad_().train()
    try:
        return fit(reward.module, loss_at, recipe, shown, "training the reward model")
    finally:
        reward.module.eval().requires_grad_(requires_grad=False)


def share_in_order(reward: RewardModel, pairs: Sequence[Pair]) -> float:
    """Share of the pairs whose better answer has the higher score; a tie counts half."""
    prompts = [pair.prompt for pair in pairs]
    better = reward.score(prompts, [pair.chosen for pair in pairs])
    worse = reward.score(prompts, [pair.rejected for pair in pairs])
    ahead = [(a > b) + 0.5 * (a == b) for a, b in zip(better, worse, strict=True)]
    return sum(ahead) / len(ahead)

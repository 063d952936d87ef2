"""A reward model as the judge of a loop: ready, or trained on the policy's own answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.models import rlhf_answers
from iterun.models.adamw_loop import AdamWRecipe
from iterun.models.reward_training import Pair, share_in_order, train

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch

    from iterun.models.reward import RewardModel
    from iterun.models.rlhf_answers import Answer
    from iterun.types import Shown

HELD_OUT = 5  # one prompt in so many
BATCH = 64  # pairs a step


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """How a reward model is trained."""

    steps: int
    lr: float
    generator: torch.Generator  #: draws the order of pairs
    shown: Shown


class RewardJudge:
    """Rewards are the model's scores (`rlhf_answers.Judge`).

    Args:
        reward: the model.
        is_ready: it needs no training, and is in no checkpoint.
        rows: answers scored at once.
    """

    floor = -math.inf

    def __init__(self, reward: RewardModel, *, is_ready: bool, rows: int) -> None:
        self.reward, self.is_ready, self._rows = reward, is_ready, rows
        self.name = f"task.reward_model={reward.name}"

    def rewards(self, answers: Sequence[Answer]) -> list[float]:
        """Of each answer, in order; equal answers to one prompt earn the same, to the last bit."""
        known = list(dict.fromkeys((it.problem.prompt, it.text) for it in answers))
        prompts, texts = zip(*known, strict=True)
        scores = dict(zip(known, self.reward.score(prompts, texts, self._rows), strict=True))
        return [scores[it.problem.prompt, it.text] for it in answers]

    def learn(self, pairs: Sequence[tuple[Answer, Answer]], lesson: Lesson) -> dict[str, float]:
        """Train on pairs, (better, worse), each of another prompt; every fifth is held out.

        Returns:
            The last loss, nats, and the share of held-out pairs that are put in the right order.

        Raises:
            ConfigError: too few pairs to hold any out.
            DivergedError: the loss is not finite.
        """
        known = [Pair(a.problem.prompt, a.text, b.text) for a, b in pairs]
        held_out = known[::HELD_OUT]
        if len(known) <= len(held_out):
            raise ConfigError(
                f"task.rm_prompts: {len(known)} of the prompts have a better and a worse answer",
                hint="more of them, as in task.rm_prompts=1000",
            )
        kept = [pair for k, pair in enumerate(known) if k % HELD_OUT]
        recipe = AdamWRecipe(steps=lesson.steps, lr=lesson.lr)
        loss = train(self.reward, kept, recipe, BATCH, lesson.generator, lesson.shown)
        right = share_in_order(self.reward, held_out)
        return {"rm_loss": loss, "rm_accuracy": right, "rm_pairs": len(kept)}

    def state(self) -> dict[str, Any]:
        return {} if self.is_ready else {"reward": self.reward.module.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take what was trained from a checkpoint.

        Raises:
            ConfigError: a fork of a run that trained no reward model asks for a trained one.
        """
        if self.is_ready:
            return
        if "reward" not in state:
            raise ConfigError(
                "task.judge=rm: the state has no reward model, which is trained in a run's "
                "beginning",
                hint="name a ready one, task.reward_model=OWNER/NAME or a folder; "
                "or begin a new run",
            )
        self.reward.module.load_state_dict(state["reward"])


def exact_pairs(
    groups: Sequence[Sequence[Answer]], exact: rlhf_answers.Judge, draw: Any
) -> list[tuple[Answer, Answer]]:
    """A right and a wrong answer of each prompt that has both, at random."""
    for group in groups:
        for answer, reward in zip(group, exact.rewards(group), strict=True):
            answer.reward = reward
    return rlhf_answers.pairs(groups, "random", 0.0, draw)

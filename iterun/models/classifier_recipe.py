"""How an image classifier is trained, and on what: rate and batch as functions of the step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from iterun.errors import ConfigError, too_small
from iterun.ops.lr_schedule import multistep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from iterun.types import ImageSplit


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a classifier is trained."""

    steps: int  #: optimizer steps of a whole training (T)
    batch_size: int
    lr: float  #: the peak
    milestones: list[float]  #: shares of `steps`
    gamma: float  #: factor at each milestone
    warmup: int  #: steps
    momentum: float  #: μ
    weight_decay: float  #: λ

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault, with the settings as those of a task."""
        yield from too_small(vars(self), {"steps": 1, "batch_size": 1, "warmup": 0})
        if self.warmup > self.steps >= 1:
            yield ConfigError(
                f"task.warmup={self.warmup} is longer than task.steps={self.steps}",
                hint="task.warmup=0",
            )
        ranges = {
            "lr": (0 < self.lr < math.inf, "no rate above 0", 0.02),
            "gamma": (0 < self.gamma <= 1, "no factor in (0, 1]", 0.1),
            "momentum": (0 <= self.momentum < 1, "not in [0, 1)", 0.9),
            "weight_decay": (0 <= self.weight_decay < math.inf, "no number from 0", 1e-4),
        }
        for name, (is_inside, what, example) in ranges.items():
            if not is_inside:
                yield ConfigError(
                    f"task.{name}={getattr(self, name)} is {what}",
                    hint=f"as in task.{name}={example}",
                )
        if not all(a < b for a, b in pairwise([0.0, *self.milestones, 1.0])):
            given = str(self.milestones).replace(" ", "")
            yield ConfigError(
                f"task.milestones={given} are no rising shares in (0, 1) of task.steps",
                hint="as in task.milestones=[0.5,0.75]",
            )

    def multiplier(self, step: int) -> float:
        """Of the peak rate at optimizer step 0, 1, ..."""
        return multistep(
            step,
            n_steps=self.steps,
            milestones=self.milestones,
            gamma=self.gamma,
            warmup=self.warmup,
        )


@dataclass(kw_only=True)
class Batches:
    """What is trained on: the batch of a step is a function of (seed, order, step).

    An epoch is ⌈n / size⌉ batches of one permutation, the last of them smaller.
    """

    split: ImageSplit
    size: int  #: pictures a batch
    draw: Callable[..., torch.Generator]  #: (name, *key) -> a generator of the run
    order: tuple[str, ...] = ()  #: names another order of the pictures than the usual one
    _epoch: int = field(default=-1, init=False)

    @property
    def in_epoch(self) -> int:
        return math.ceil(len(self.split) / self.size)

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Pictures and classes of a step."""
        epoch, place = divmod(step, self.in_epoch)
        if epoch != self._epoch:
            generator = self.draw("order", *self.order, epoch)
            self._permutation = torch.randperm(len(self.split), generator=generator)
            self._epoch = epoch
        index = self._permutation[place * self.size : (place + 1) * self.size]
        return self.split.batch(index, self.draw("augment", *self.order, step))

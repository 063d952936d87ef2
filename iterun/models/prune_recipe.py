"""How units are judged and pruned, and what trains meanwhile: the settings of LoRAPrune."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.errors import ConfigError, too_small
from iterun.ops.structured import RatioSchedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterun.models.importance import Metric

AT_LEAST_ONE = ("steps", "prune_freq", "lora_r", "batch_size", "accumulate")
SHARES = ("ratio", "init_ratio", "warmup", "cooldown", "lora_dropout")


@dataclass(frozen=True, kw_only=True)
class PruneRecipe:
    """Fields as the procedure's settings name them."""

    ratio: float
    init_ratio: float
    warmup: float
    cooldown: float
    metric: Metric
    power: int
    lora_r: int
    lora_alpha: float
    lora_dropout: float
    steps: int
    prune_freq: int
    batch_size: int
    accumulate: int
    gradient_checkpointing: bool
    lr: float

    @property
    def schedule(self) -> RatioSchedule:
        """Of the ratio."""
        return RatioSchedule(
            steps=self.steps,
            first=self.init_ratio,
            last=self.ratio,
            warmup=self.warmup,
            cooldown=self.cooldown,
        )

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault of the settings."""
        yield from too_small(vars(self), dict.fromkeys(AT_LEAST_ONE, 1))
        for name, good in (("lr", "1e-3"), ("lora_alpha", "16")):
            value = getattr(self, name)
            if not (value > 0 and math.isfinite(value)):
                hint = f"as in task.{name}={good}"
                yield ConfigError(f"task.{name}={value} is not above 0", hint=hint)
        if 1 <= self.steps < self.prune_freq:
            yield ConfigError(
                f"task.prune_freq={self.prune_freq} is more than all of task.steps={self.steps}",
                hint=f"at most task.prune_freq={self.steps}",
            )
        yield from self._check_shares()

    def _check_shares(self) -> Iterator[ConfigError]:
        for name in SHARES:
            value = getattr(self, name)
            if not 0 <= value < 1:
                yield ConfigError(
                    f"task.{name}={value} is no share: it is from 0 on and below 1",
                    hint=f"as in task.{name}=0.1",
                )
        if 0 <= self.ratio < self.init_ratio:
            yield ConfigError(
                f"task.init_ratio={self.init_ratio} is above task.ratio={self.ratio}, "
                "and what is pruned stays so",
                hint=f"at most task.init_ratio={self.ratio}",
            )
        if self.warmup < 1 and self.cooldown < 1 and self.warmup + self.cooldown >= 1:
            yield ConfigError(
                f"task.warmup={self.warmup} and task.cooldown={self.cooldown} "
                "leave no step between them",
                hint="as in task.warmup=0.1 task.cooldown=0.1",
            )

"""A system whose score is a smooth function of two settings, seen through noise of the seed's."""

import os
import signal
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import DivergedError


@dataclass(kw_only=True)
class Noisy(Procedure):
    """Counts down to (x - 0.3)^2 + (log10(y) + 2)^2 / 10."""

    x: float  #: in [0, 1]
    y: float  #: > 0
    steps: int
    noise: float  #: standard deviation of the score at the end
    ruin_above: float | None  #: x from which it diverges
    shape: Literal["bowl", "slope"]
    threads: ClassVar = 1

    def start(self, run: Run) -> None:
        from math import log10

        self.run = run
        self.truth = (self.x - 0.3) ** 2 + (log10(self.y) + 2) ** 2 / 10
        self.truth += self.x if self.shape == "slope" else 0.0
        luck = float(run.numpy("luck", self.x, self.y).standard_normal())
        self.end = self.truth + self.noise * luck

    def length(self) -> int:
        return self.steps

    def step(self, i: int) -> dict[str, float]:
        if i == 3:
            _count_down_to_a_kill()
        if self.ruin_above is not None and self.x > self.ruin_above:
            raise DivergedError("x is too large", hint="as in task.x=0.3")
        return {"score": self.end + 1 / i - 1 / self.steps, "spent": self.x + self.y}

    def result(self) -> dict[str, Any]:
        return {"truth": self.truth}


def _count_down_to_a_kill() -> None:
    """With NOISY_KILL=N: die in the third look of the Nth run; with NOISY_SIGNAL of that."""
    if (left := os.environ.get("NOISY_KILL")) is not None:
        os.environ["NOISY_KILL"] = str(int(left) - 1)
        if left == "1":
            os.kill(os.getpid(), int(os.environ.get("NOISY_SIGNAL", signal.SIGKILL)))

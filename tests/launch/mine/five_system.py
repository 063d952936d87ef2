"""A system with as many numbers as a usual one: five metrics, and a cost, in each iteration."""

from dataclasses import dataclass
from typing import ClassVar

from iterun.core.procedure import Procedure
from iterun.core.run import Run


@dataclass(kw_only=True)
class Five(Procedure):
    """Draws five numbers a step."""

    steps: int
    step_size: float
    momentum: float
    decay: float
    threads: ClassVar = 1

    def start(self, run: Run) -> None:
        self.run = run

    def length(self) -> int:
        return self.steps

    def step(self, i: int) -> dict[str, float]:
        names = ("loss", "accuracy", "grad_norm", "sparsity", "step_size")
        return dict(zip(names, self.run.numpy("draw").random(5).tolist(), strict=True))

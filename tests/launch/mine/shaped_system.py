"""A system whose state has a shape, with a baseline, files, rows and words of its own."""

import os
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError


@dataclass(kw_only=True)
class Shaped(Procedure):
    """Adds noise to a vector of `width` numbers."""

    width: int  #: of the state
    rate: float  #: of the noise
    rounds: int
    threads: ClassVar = 1
    may_be_infinite: ClassVar = frozenset({"drift"})

    def start(self, run: Run) -> None:
        if self.width > 99:
            raise ConfigError(f"task.width={self.width} is too wide", hint="as in task.width=4")
        self.run = run
        self.frozen = run.numpy("frozen").random(3)  # what `start` draws stays when a fork reseeds
        self.weights = np.zeros(self.width)

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> dict[str, float]:
        return {"norm": 0.0, "frozen": float(self.frozen.sum())}

    def step(self, i: int) -> dict[str, float]:
        if os.environ.get("SHAPED_FAILS_AT") == str(i):
            raise ValueError("lost shape")
        self.weights += self.rate * self.run.numpy("noise").random(self.width)
        self.run.save_json("weights-{i}.json", self.weights.tolist(), at=i)
        self.run.append("log.jsonl", [{"norm": float(self.weights.sum())}])
        self.run.label(phase=os.environ.get("SHAPED_PHASE", "even" if i % 2 == 0 else "odd"))
        self.run.cost(hours=float(os.getpid()))
        nudge = float(os.environ.get("SHAPED_NUDGE", 0)) if i >= 3 else 0.0
        drift = float("nan") if i == 2 else 0.0
        norm = float(self.weights.sum()) + nudge
        return {"norm": norm, "frozen": float(self.frozen.sum()), "drift": drift}

    def state(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def restore(self, state: dict[str, Any]) -> None:
        self.weights[:] = state["weights"]

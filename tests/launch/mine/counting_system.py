"""A user's own system: it counts, and needs nothing of iterun but its base class."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hydra.experimental.callback import Callback

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError


@dataclass(kw_only=True)
class Count(Procedure):
    """Counts to `to` by `by`."""

    to: int  #: last number
    by: float  #: step, > 0
    fail_at: int | None  #: iteration that fails
    mode: Literal["up", "down"]
    words: list[str]
    threads: ClassVar = 1

    def check(self) -> Iterator[ConfigError]:
        if self.to < 1:
            yield ConfigError(f"task.to={self.to} is no number to count to", hint="as in task.to=3")
        if self.by <= 0:
            yield ConfigError(f"task.by={self.by} does not count up", hint="as in task.by=1")
        if self.mode == "down" and self.by > 1:
            yield ConfigError(
                f"task.mode=down goes by 1, not by task.by={self.by}", hint="as in task.by=1"
            )

    def start(self, run: Run) -> None:
        self.run, self.total = run, 0.0

    def length(self) -> int:
        return self.to

    def step(self, i: int) -> dict[str, float]:
        if i == self.fail_at:
            raise ValueError("lost count")
        if "stop" in self.words and i == 2:
            os.kill(os.getpid(), signal.SIGINT)
        self.total += self.by
        return {"total": self.total, "draw": float(self.run.numpy("draw").random())}

    def state(self) -> dict[str, Any]:
        return {"total": self.total}

    def restore(self, state: dict[str, Any]) -> None:
        self.total = state["total"]


@dataclass(kw_only=True)
class Speak(Procedure):
    """Asks for a model of a kind that opt-mini is not."""

    model_kind: ClassVar = "chat"

    def step(self, i: int) -> dict[str, float]:
        return {}


@dataclass
class NoProcedure:
    """Something else."""


class Told(Callback):
    """Says which of Hydra's callbacks are called."""

    def on_run_start(self, config: Any, **kwargs: Any) -> None:
        sys.stdout.write("run_start\n")

    def on_job_start(self, config: Any, **kwargs: Any) -> None:
        sys.stdout.write("job_start\n")

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        sys.stdout.write("job_end\n")

    def on_run_end(self, config: Any, **kwargs: Any) -> None:
        sys.stdout.write("run_end\n")

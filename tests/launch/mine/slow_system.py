"""A user's own system that takes its time, and can be ended from outside at an iteration."""

import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iterun.core.procedure import Procedure
from iterun.core.run import Run


@dataclass(kw_only=True)
class Slow(Procedure):
    """Counts to `to`, one step in `seconds`."""

    to: int
    seconds: float  #: of a step
    kill_at: int | None  #: iteration in which the process is killed, unless `mended` is there
    mended: str | None  #: a file
    gate: str | None  #: no step begins after the first until this file is there

    def start(self, run: Run) -> None:
        self.run, self.total = run, 0.0

    def length(self) -> int:
        return self.to

    def step(self, i: int) -> dict[str, float]:
        while i > 1 and self.gate and not Path(self.gate).exists():
            self.run.tick()
            threading.Event().wait(0.05)
        for _ in self.run.progress(range(10), "waiting"):
            threading.Event().wait(self.seconds / 10)
        if i == self.kill_at and not (self.mended and Path(self.mended).exists()):
            os.kill(os.getpid(), signal.SIGKILL)
        self.total += 1
        return {"total": self.total, "draw": float(self.run.numpy("draw").random())}

    def state(self) -> dict[str, Any]:
        return {"total": self.total}

    def restore(self, state: dict[str, Any]) -> None:
        self.total = state["total"]

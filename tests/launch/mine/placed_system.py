"""A user's own system that says where it computes."""

import threading
from dataclasses import dataclass
from typing import Any

from iterun.core.procedure import Procedure
from iterun.core.run import Run


@dataclass(kw_only=True)
class Placed(Procedure):
    """Counts to `to`, one step in `seconds`, and names the node of Ray's that it is on."""

    to: int
    seconds: float  #: of a step

    def start(self, run: Run) -> None:
        self.run, self.total = run, 0.0

    def length(self) -> int:
        return self.to

    def step(self, i: int) -> dict[str, float]:
        import ray

        threading.Event().wait(self.seconds)
        self.run.label(node=ray.get_runtime_context().get_node_id())
        self.total += 1
        return {"total": self.total, "draw": float(self.run.numpy("draw").random())}

    def state(self) -> dict[str, Any]:
        return {"total": self.total}

    def restore(self, state: dict[str, Any]) -> None:
        self.total = state["total"]

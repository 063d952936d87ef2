"""A system of a user's own whose accuracy follows a power law."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.core.procedure import Procedure

if TYPE_CHECKING:
    from iterun.core.run import Run


@dataclass(kw_only=True)
class Learning(Procedure):
    """Learns nothing; says that it does."""

    rounds: int
    slope: float

    def start(self, run: Run) -> None:
        pass

    def length(self) -> int:
        return self.rounds

    def step(self, i: int) -> dict[str, float]:
        return {"acc": 0.9 - self.slope * i**-1.2}

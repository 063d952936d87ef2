"""The attempts of all arms at all problems: what is open, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.judges import code_report
from iterun.judges.coding import Attempt
from iterun.judges.turns import OWN
from iterun.ops.attempts import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Place = tuple[str, int]  # an arm, "" being the run's own, and the number of a problem


class Arms:
    """Attempts by arm and problem.

    Args:
        names: of the arms; the run's own is "".
        n: problems.
    """

    def __init__(self, names: Iterable[str], n: int) -> None:
        self.attempts = {arm: [Attempt() for _ in range(n)] for arm in names}
        self.curves: dict[str, list[float]] = {arm: [] for arm in self.attempts}  #: pass@1

    def open(self) -> list[Place]:
        """Where no program is accepted yet."""
        return [
            (arm, k)
            for arm, attempts in self.attempts.items()
            for k, attempt in enumerate(attempts)
            if not attempt.accepted
        ]

    def end_round(self) -> None:
        """Note what the round has come to."""
        for arm, attempts in self.attempts.items():
            self.curves[arm].append(sum(it.right for it in attempts) / len(attempts))

    def solved(self, arms: Iterable[str], k: int) -> dict[str, bool]:
        """By arm, named as in files: whether its program for problem k is right."""
        return {arm or OWN: self.attempts[arm][k].right for arm in arms}

    def solved_ci(self) -> dict[str, list[float]]:
        """The 95 % intervals of the share solved, by arm, named as in files."""
        return {
            arm or OWN: list(wilson(sum(it.right for it in attempts), len(attempts)))
            for arm, attempts in self.attempts.items()
        }

    def metrics(self) -> dict[str, float]:
        """What the attempts have come to; without an arm's name: of the run's own."""
        own = self.attempts[""]
        found: dict[str, float] = {
            "solved": sum(it.right for it in own),
            "solved_frac": sum(it.right for it in own) / len(own),
            "open": sum(not it.accepted for it in own),
        }
        for arm, attempts in self.attempts.items():
            found |= code_report.rates(attempts, arm)
        return found

    def state(self) -> dict[str, Any]:
        kept = {arm: [it.state() for it in attempts] for arm, attempts in self.attempts.items()}
        return {"attempts": kept, "curves": self.curves}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken: with the same arms and problems."""
        for arm, attempts in self.attempts.items():
            for attempt, kept in zip(attempts, state["attempts"][arm], strict=True):
                attempt.restore(kept)
        self.curves = state["curves"]

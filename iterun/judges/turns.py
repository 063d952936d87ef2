"""One round of one problem under one arm, and what of it is written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.judges import code_report
from iterun.judges.coding import failure, unreadable

if TYPE_CHECKING:
    from iterun.judges.coding import Attempt, Rule, Trial
    from iterun.judges.exercises import Exercise
    from iterun.judges.suites import Suite

OWN = "own"  # how files call the run's own arm, whose name is empty
SHOWN = 2000  # characters of what a program printed, in the log


@dataclass(kw_only=True)
class Turn:
    """One round of one problem under one arm."""

    arm: str
    exercise: Exercise
    attempt: Attempt
    suites: tuple[Suite, ...]
    programs: list[str]  #: candidates; empty: a reply that held none
    trials: list[Trial | None] = field(default_factory=list)  #: by candidate, once tried
    before: str = ""  #: the best program until now

    def texts(self) -> list[dict[str, Any]]:
        """For the log of programs, by candidate that could be read."""
        return [
            {**self._about(), "sample": j, "text": code}
            for j, code in enumerate(self.programs)
            if code
        ]

    def executions(self) -> list[dict[str, Any]]:
        """For the log of executions, by candidate."""
        return [
            {**self._about(), "sample": j, "status": "unreadable"}
            if trial is None
            else {
                **self._about(),
                "sample": j,
                "status": trial.status,
                "suites_passed": trial.n_passed,
                "passed": ["".join("-+"[ok] for ok in suite) for suite in trial.passed],
                "failing": trial.failing,
                "error": trial.error,
                "stdout": trial.stdout[:SHOWN],
            }
            for j, trial in enumerate(self.trials)
        ]

    def verdict(self, trial: Trial | None, rule: Rule, enough: int) -> dict[str, Any]:
        """What its tests say of a candidate, for the transcript.

        Args:
            trial: of the candidate; None: it could not be read.
            rule: by which one is accepted; so is `enough` (`Trial.accepted`).
            enough: suites.
        """
        by = {"by": "its tests"}
        if trial is None:
            said = [unreadable(self.exercise.problem.entry)]
            return {"ok": False, "score": 0.0, "violations": said, **by}
        score = trial.n_passed / max(1, len(trial.suites))
        said = [failure(trial.failing, trial.error)] if trial.failing else []
        return {"ok": trial.accepted(rule, enough), "score": score, "violations": said, **by}

    def change(self) -> str:
        """What became of the best program, as a unified difference; empty: nothing."""
        name = f"{self.arm or OWN}/{self.exercise.problem.id}"
        return code_report.diff(self.before, self.attempt.program, name)

    def _about(self) -> dict[str, Any]:
        return {"arm": self.arm or OWN, "instance": self.exercise.problem.id}

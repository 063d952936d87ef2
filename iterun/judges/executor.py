"""The executor: candidates tried on the designer's suites, the best one kept, its failure told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.judges.coding import failure, unreadable
from iterun.judges.hidden_tests import Verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.judges.coding import Attempt, Rule, Trial
    from iterun.judges.exercises import Exercise
    from iterun.judges.suites import Suite
    from iterun.judges.unit_tests import Bench

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

    def rows(self) -> list[dict[str, Any]]:
        """For the log of executions, by candidate."""
        about = {"arm": self.arm or "own", "instance": self.exercise.problem.id}
        return [
            {**about, "sample": j, "status": "unreadable"}
            if trial is None
            else {
                **about,
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


class Executor:
    """Tries programs and says which is best.

    Args:
        bench: runs them.
        rule: when a program is accepted (`Trial.accepted`).
        enough: suites that have to pass.
    """

    def __init__(self, bench: Bench, rule: Rule, enough: int) -> None:
        self._bench, self._rule, self._enough = bench, rule, enough
        self._verdicts = Verdicts(bench)

    def judge(self, turns: Sequence[Turn], i: int) -> None:
        """Do round i of all turns: fill their trials, bring their attempts forward."""
        jobs = [
            (whole(turn.exercise, code), turn.suites)
            for turn in turns
            for code in (turn.attempt.program, *turn.programs)
            if code
        ]
        trials = iter(self._bench.trials(jobs))
        for turn in turns:
            turn.before = turn.attempt.program
            kept = next(trials) if turn.before else None
            turn.trials = [next(trials) if code else None for code in turn.programs]
            self._forward(turn, kept, i)
        changed = [turn for turn in turns if turn.attempt.program != turn.before]
        right = self._verdicts.passes(
            [(it.exercise.hidden, whole(it.exercise, it.attempt.program)) for it in changed]
        )
        for turn, verdict in zip(changed, right, strict=True):
            turn.attempt.right = verdict

    def _forward(self, turn: Turn, kept: Trial | None, i: int) -> None:
        """Take the program that passes most suites; the first on ties, the kept one before all."""
        attempt = turn.attempt
        attempt.rounds = i
        attempt.n_tried += sum(trial is not None for trial in turn.trials)
        pairs = [(turn.before, kept), *zip(turn.programs, turn.trials, strict=True)]
        tried = [(program, trial) for program, trial in pairs if trial is not None]
        if not tried:
            attempt.feedback = unreadable(turn.exercise.problem.entry)
            return
        attempt.program, trial = max(tried, key=lambda pair: pair[1].n_passed)
        attempt.first = attempt.first or attempt.program
        attempt.accepted = trial.accepted(self._rule, self._enough)
        attempt.feedback = failure(trial.failing, trial.error) if trial.failing else ""


def whole(exercise: Exercise, code: str) -> str:
    """A program below what stands above every answer to its problem."""
    above = exercise.problem.preamble
    return f"{above}\n\n{code}" if above else code

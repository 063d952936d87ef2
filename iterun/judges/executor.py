"""The executor: candidates tried on the designer's suites, the best one kept, its failure told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.judges.coding import failure, unreadable
from iterun.judges.hidden_tests import Verdicts
from iterun.judges.suites import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.judges.coding import Rule, Trial
    from iterun.judges.exercises import Exercise
    from iterun.judges.suites import Suite
    from iterun.judges.turns import Turn
    from iterun.judges.unit_tests import Bench


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

    def followed(self, jobs: Sequence[tuple[Exercise, str, Suite]]) -> list[tuple[Outcome, ...]]:
        """Programs followed through asserts; lines are counted in the program alone.

        Returns:
            By job and assert; nothing of a program that can't be followed.
        """
        asked = [([whole(exercise, code)], tests) for exercise, code, tests in jobs]
        found = []
        for (exercise, _, _), ((_, outcomes),) in zip(jobs, self._bench.traces(asked), strict=True):
            above = whole(exercise, "").count("\n")
            found.append(
                tuple(
                    Outcome(passed=it.passed, lines=tuple(n - above for n in it.lines if n > above))
                    for it in outcomes
                )
            )
        return found

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

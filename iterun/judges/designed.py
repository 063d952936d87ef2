"""The suites that test designers have written for each problem, and what they are worth."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.judges.code_report import worth
from iterun.judges.suites import Quality, Suite, quality
from iterun.judges.unit_tests import flat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterun.judges.exercises import Exercise
    from iterun.judges.unit_tests import Bench


class Designed:
    """Suites by designer and problem.

    Args:
        exercises: the problems.
        designers: their names; the run's own is "".
        n: suites of a problem; those not written yet are empty.
        bench: runs the references and their mutants.
    """

    def __init__(
        self, exercises: Sequence[Exercise], designers: Iterable[str], n: int, bench: Bench
    ) -> None:
        self._exercises, self._n, self._bench = exercises, n, bench
        self._suites: dict[str, list[list[Suite]]] = {
            designer: [[()] * n for _ in exercises] for designer in designers
        }
        self._worth: dict[str, list[Quality | None]] = {
            designer: [None for _ in exercises] for designer in self._suites
        }

    def suites(self, arm: str, k: int) -> tuple[Suite, ...]:
        """Of problem k for an arm."""
        return tuple(self._suites[self.designer(arm)][k])

    def designer(self, arm: str) -> str:
        """Who writes an arm's suites."""
        return arm if arm in self._suites else ""

    def missing(self, designer: str, k: int) -> list[int]:
        """Numbers of the suites that are not written yet."""
        return [j for j, suite in enumerate(self._suites[designer][k]) if not suite]

    def take(self, designer: str, k: int, j: int, suite: Suite) -> None:
        """Keep suite j of problem k."""
        self._suites[designer][k][j] = suite

    def weigh(self, due: Sequence[tuple[str, int]]) -> None:
        """Measure the suites of some designers and problems anew."""
        jobs = [
            ([it.problem.solution, *it.mutants], flat(self._suites[designer][k]))
            for designer, k in due
            for it in [self._exercises[k]]
        ]
        for (designer, k), (reference, *mutants) in zip(due, self._bench.traces(jobs), strict=True):
            lines, outcomes = reference
            told = quality(outcomes, lines, [found for _, found in mutants]) if lines else None
            self._worth[designer][k] = told

    def metrics(self) -> dict[str, float]:
        """What the suites are worth, by designer."""
        found: dict[str, float] = {}
        for designer, all_of_it in self._worth.items():
            found |= worth([one for one in all_of_it if one is not None], designer)
        return found

    def state(self) -> dict[str, Any]:
        return {
            "suites": self._suites,
            "worth": {
                designer: [None if one is None else asdict(one) for one in known]
                for designer, known in self._worth.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken.

        Raises:
            ConfigError: it was taken with more suites of a problem, or with fewer.
        """
        if (found := len(state["suites"][""][0])) != self._n:
            raise ConfigError(
                f"task.suites={self._n}: the state is of {found} suites of a problem",
                hint="leave task.suites as it was, or begin a new run",
            )
        self._suites = state["suites"]
        self._worth = {
            designer: [None if one is None else Quality(**one) for one in known]
            for designer, known in state["worth"].items()
        }

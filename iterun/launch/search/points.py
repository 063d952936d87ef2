"""The sampler of a grid: trial n has point n; a trial too many has one that was lost.

The number of a trial is given by the storage, once: processes that share a study don't take the
same point, as they would if they looked for one that is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


class Points(BaseSampler):  # type: ignore[misc]  # optuna's classes come untyped to mypy at times
    """Proposes one of some points, to one trial.

    Args:
        points: all of them.
        counts: whether a trial holds its point; one that is lost doesn't.
    """

    def __init__(
        self, points: Sequence[Mapping[str, Any]], counts: Callable[[FrozenTrial], bool]
    ) -> None:
        self._points = points
        self._counts = counts
        self._point: Mapping[str, Any] | None = None

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """None: each setting is asked for by itself."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing, likewise."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The point's value."""
        if self._point is None:
            self._point = self._of(study, trial.number)
        return self._point[param_name]

    def _of(self, study: Study, number: int) -> Mapping[str, Any]:
        others = [t for t in study.get_trials(deepcopy=False) if t.number != number]
        held = [t.params for t in others if self._counts(t)]
        usual = self._points[number % len(self._points)]
        return (
            usual if usual not in held else next((p for p in self._points if p not in held), usual)
        )

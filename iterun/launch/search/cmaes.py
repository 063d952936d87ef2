"""CMA-ES that remembers nothing: its state is worked out anew from the trials that are done.

optuna's own keeps a pickle of the strategy in the study's storage, and unpickles it when a study
goes on: a study from a stranger could run any code. What CMA-ES knows follows from the points of
its generations and their values, which stand in the storage as numbers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from cmaes import CMA  # type: ignore[import-untyped]  # it has no types
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import StudyDirection
from optuna.trial import TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_MOST = 1e30  # what an infinite value counts as: the strategy sorts, but must not see infinities


class CmaEs(BaseSampler):  # type: ignore[misc]  # optuna's classes come untyped to mypy at times
    """Covariance matrix adaptation; settings that are no numbers are drawn at random.

    Args:
        seed: of this trial's draw.
        sigma: first step, in shares of each interval.
        population: trials a generation; None: 4 + 3 ln(dimensions).
        n_startup_trials: done at random before.
    """

    def __init__(
        self, *, seed: int, sigma: float, population: int | None, n_startup_trials: int
    ) -> None:
        if not sigma > 0:
            raise ValueError(f"sigma={sigma} is no step")
        if population is not None and population < 2:
            raise ValueError(f"population={population} is no generation: it takes at least 2")
        self._seed = seed
        self._sigma = sigma
        self._population = population
        self._n_startup = n_startup_trials
        self._random = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The numbers that every trial has."""
        space = IntersectionSearchSpace().calculate(study)
        return {
            name: distribution
            for name, distribution in space.items()
            if not isinstance(distribution, CategoricalDistribution) and not distribution.single()
        }

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A point of the generation that is not full yet."""
        done = [t for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        done = [t for t in done if all(name in t.params for name in search_space)]
        if not search_space or len(done) < self._n_startup:
            return {}
        strategy = self._strategy(len(search_space))
        generations = done[self._n_startup :]
        size = strategy.population_size
        sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
        for start in range(0, len(generations) - size + 1, size):
            strategy.tell(
                [
                    (_point(t, search_space), _value(sign * t.values[0]))
                    for t in generations[start : start + size]
                ]
            )
        return {
            name: _typed(x, distribution)
            for x, (name, distribution) in zip(strategy.ask(), search_space.items(), strict=True)
        }

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """What is no number, and the first trials."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)

    def _strategy(self, n: int) -> CMA:
        return CMA(
            mean=np.full(n, 0.5),
            sigma=self._sigma,
            bounds=np.tile([0.0, 1.0], (n, 1)),
            seed=self._seed,
            population_size=self._population,
        )


def _value(value: float) -> float:
    return min(max(value, -_MOST), _MOST)


def _point(trial: FrozenTrial, space: dict[str, BaseDistribution]) -> np.ndarray:
    """Where a trial lies, each interval taken as 0 to 1."""
    return np.array([_share(float(trial.params[name]), d) for name, d in space.items()])


def _share(x: float, distribution: BaseDistribution) -> float:
    low, high = _ends(distribution)
    at = math.log(x) if _is_log(distribution) else x
    return min(max((at - low) / (high - low), 0.0), 1.0)


def _typed(share: float, distribution: BaseDistribution) -> float | int:
    low, high = _ends(distribution)
    at = low + float(share) * (high - low)
    x = math.exp(at) if _is_log(distribution) else at
    step = getattr(distribution, "step", None)
    if step:
        x = distribution.low + round((x - distribution.low) / step) * step
    x = min(max(x, distribution.low), distribution.high)
    return int(x) if isinstance(distribution, IntDistribution) else float(x)


def _ends(distribution: BaseDistribution) -> tuple[float, float]:
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high = distribution.low, distribution.high
    return (math.log(low), math.log(high)) if distribution.log else (low, high)


def _is_log(distribution: BaseDistribution) -> bool:
    return bool(getattr(distribution, "log", False))

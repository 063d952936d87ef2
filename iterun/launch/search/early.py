"""Ending a trial early: a job reports each iteration to the study and asks whether to go on.

It works in the process of the sweep and in any other that reaches the storage: what travels with
the job are names and settings. With several seeds the first one's job decides for all, since only
equal seeds are comparable between trials.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from iterun.launch.search import storage
from iterun.launch.search.samplers import optuna
from iterun.store.schema import PRUNED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.core.progress import IterationDone


class Early:
    """The judge of one job.

    Args:
        number: of the job in its sweep.
        url: of the storage.
        study: its name.
        pruner: its settings.
        metric: what the study looks at.
        n_jobs: jobs of one trial, one a seed.
    """

    def __init__(
        self, *, number: int, url: str, study: str, pruner: Mapping[str, Any], metric: str,
        n_jobs: int,
    ) -> None:  # fmt: skip
        opened = storage.load(url, study, storage.as_items(pruner))
        trial, seed = divmod(number, n_jobs)
        self._decides = seed == 0
        self._metric = metric
        self._trial = storage.trial(opened, trial)
        before = storage.frozen(self._trial)  # by an attempt that was killed
        self._told = set(before.intermediate_values)
        self._is_pruned = bool(before.user_attrs.get(PRUNED))

    def __call__(self, done: IterationDone) -> str | None:
        """Why to complete the run after this iteration; None: go on."""
        if not self._decides:
            return PRUNED if storage.frozen(self._trial).user_attrs.get(PRUNED) else None
        if self._is_pruned:
            return PRUNED
        value = done.metrics.get(self._metric, done.cost.get(self._metric))
        if done.i == 0 or value is None or math.isnan(value) or done.i < max(self._told, default=0):
            return None
        is_last = done.length is not None and done.i >= done.length
        try:
            if done.i not in self._told:
                self._told.add(done.i)
                self._trial.report(value, done.i)
            if is_last or not self._trial.should_prune():
                return None
            self._trial.set_user_attr(PRUNED, True)
        except optuna().exceptions.UpdateFinishedTrialError:
            return None  # somebody took the trial for lost and told it: the run is of use yet
        return PRUNED


def settings(
    *, url: str, study: str, pruner: Mapping[str, Any], metric: str, n_jobs: int
) -> dict[str, Any]:
    """What a sweep's jobs carry to build theirs."""
    return {
        "_target_": f"{Early.__module__}.{Early.__qualname__}",
        "url": url,
        "study": study,
        "pruner": dict(pruner),
        "metric": metric,
        "n_jobs": n_jobs,
    }

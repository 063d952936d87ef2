"""What the jobs of a trial came to, as the study is told."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.schema import COMPLETED, INTERRUPTED, PRUNED, RUNNING
from iterun.store.sweeps import WAITING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.launch.search.study import Trials
    from iterun.store.sweeps import JobRecord


def is_over(job: JobRecord | None) -> TypeGuard[JobRecord]:
    """Whether a job came to an end of its own; one that a signal ended goes on another time."""
    return job is not None and job.state not in (WAITING, RUNNING, INTERRUPTED)


def tell(trials: Trials, number: int, jobs: Sequence[JobRecord]) -> None:
    """Tell the study of a trial.

    Args:
        trials: the study.
        number: of the trial.
        jobs: all of its, each of them over.
    """
    runs = [job.run for job in jobs if job.run]
    if bad := [job for job in jobs if job.state != COMPLETED]:
        trials.fail(number, _why(bad), runs)
    elif any(job.reason == PRUNED for job in jobs):
        trials.prune(number, runs)
    else:
        found, missing = _means(jobs, trials.plan.metrics)
        if missing:
            trials.fail(number, missing, runs)
        else:
            trials.complete(number, found, runs)


def _why(jobs: Sequence[JobRecord]) -> str:
    states = Counter(job.state for job in jobs)
    said = (jobs[0].error or jobs[0].reason or "").partition("\n")[0]
    return f"{', '.join(states)}: {said}".rstrip(": ")


def _means(jobs: Sequence[JobRecord], metrics: Mapping[str, str]) -> tuple[list[float], str]:
    """The mean of each metric over the seeds; or why there is none."""
    found = []
    for name in metrics:
        seen = [_value(job, name) for job in jobs]
        numbers = [value for value in seen if value is not None]
        if len(numbers) < len(seen):
            known = ", ".join(list(jobs[0].metrics)[:5])
            return [], f"no metric {name}; there are {known}"
        mean = sum(numbers) / len(numbers)
        if math.isnan(mean):
            return [], f"{name} is not a number"
        found.append(mean)
    return found, ""


def _value(job: JobRecord, name: str) -> float | None:
    """A metric's last value; else what the run's result, costs or parameters call so."""
    if name in job.metrics:
        return float(job.metrics[name])
    try:
        summary = RunView(Path(job.directory)).summary if job.directory else None
    except StoreError:
        return None
    if summary is None:
        return None
    for place in (summary.last, summary.result, summary.costs, summary.parameters):
        value = place.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None

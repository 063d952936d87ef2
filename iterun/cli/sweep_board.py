"""What a sweep has told so far: how each job stands. The state that displays draw."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from iterun.cli.figures import value
from iterun.core.progress import InnerProgress, IterationDone, RunStarted
from iterun.launch.events import (
    JobEnded,
    JobsAsked,
    JobStarted,
    JobTold,
    SweepEnded,
    SweepStarted,
    SweepStopping,
)
from iterun.launch.search.events import StudyStarted
from iterun.store.schema import COMPLETED, PRUNED, RUNNING
from iterun.store.sweeps import WAITING, JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from iterun.core.progress import Event
    from iterun.launch.sweep import Asked, Sweep

#: settings that say how a sweep is done, and not what a job is
_NOT_SHOWN = ("on_existing=", "hydra.", "hydra/")
_NOTES = {"exists": "exists", "alive": "running elsewhere", "submitted": "on the cluster"}


@dataclass
class Job:
    """One job as it is seen from outside."""

    number: int
    overrides: Sequence[str]
    state: str = WAITING
    i: int | None = None
    length: int | None = None
    objective: float | None = None
    inner: str = ""
    began: float = 0.0
    record: JobRecord | None = None  #: at its end

    @property
    def is_pruned(self) -> bool:
        """Whether a search ended it early: its value is no last one."""
        return self.record is not None and self.record.reason == PRUNED

    @property
    def word(self) -> str:
        """Its state as it is said: a run that was there already is told apart."""
        if self.is_pruned:
            return PRUNED
        note = self.record.note if self.record else None
        if note in _NOTES:
            extra = f" ({self.state})" if note == "exists" and self.state != COMPLETED else ""
            return _NOTES[note] + extra
        return f"{self.state}, resumed" if note == "resumed" else self.state


class Board:
    """Follows a sweep through its events.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.began = clock()
        self.sweep: Sweep | None = None
        self.launcher = ""
        self.workers = 1
        self.threads: int | None = None
        self.objective: Mapping[str, object] = {}
        self.jobs: dict[int, Job] = {}
        self.system = ""
        self.is_stopping = False
        self.end: SweepEnded | None = None
        self._labels: dict[int, str] = {}
        self.search = ""  #: what a search does how
        self._foreseen = 0  #: jobs of a search

    @property
    def n_jobs(self) -> int:
        """How many jobs there are in all; of a search those that it is still to ask for too."""
        return len(self.jobs) if self.end else max(len(self.jobs), self._foreseen)

    @property
    def metric(self) -> str | None:
        """The objective's name."""
        return str(self.objective["metric"]) if self.objective else None

    def take(self, event: object) -> None:
        """Take in an event."""
        if isinstance(event, JobTold):
            if event.number in self.jobs:
                self._told(self.jobs[event.number], event.event)
        elif isinstance(event, JobStarted):
            job = self.jobs[event.job.number]
            job.state, job.began = RUNNING, self.clock()
        elif isinstance(event, JobEnded):
            self._ended(event.record)
        elif isinstance(event, JobsAsked):
            self._asked(event.jobs)
        elif isinstance(event, SweepStarted):
            self.sweep, self.launcher = event.sweep, event.launcher
            self.workers, self.threads = event.workers, event.threads
            self.objective = event.objective or {}
        elif isinstance(event, StudyStarted):
            self.search, self._foreseen = event.text, event.n_jobs
        elif isinstance(event, SweepStopping):
            self.is_stopping = True
        elif isinstance(event, SweepEnded):
            self.end = event

    def label(self, job: Job) -> str:
        """What tells the job from the others."""
        return self._labels.get(job.number, "")

    def ended(self) -> list[Job]:
        """Jobs that are over."""
        return [job for job in self.jobs.values() if job.record is not None]

    def running(self) -> list[Job]:
        """Jobs that are being done here."""
        return [j for j in self.jobs.values() if j.record is None and j.state == RUNNING]

    def counts(self) -> Counter[str]:
        """How many jobs are in each state, those that ended first."""
        return Counter(job.word for job in [*self.ended(), *self.running()])

    def best(self) -> Job | None:
        """The completed job with the best last value of the objective; None: there is none."""
        done = [
            job
            for job in self.ended()
            if job.state == COMPLETED
            and not job.is_pruned
            and job.objective is not None
            and isfinite(job.objective)
        ]
        sign = -1.0 if self.objective.get("goal") == "max" else 1.0
        return min(done, key=lambda job: sign * (job.objective or 0.0), default=None)

    def ranked(self, jobs: Iterable[Job]) -> list[Job]:
        """Best first; those without a value of the objective last."""
        sign = -1.0 if self.objective.get("goal") == "max" else 1.0

        def key(job: Job) -> tuple[bool, float, int]:
            known = job.objective is not None and isfinite(job.objective)
            return not known, sign * job.objective if known and job.objective else 0.0, job.number

        return sorted(jobs, key=key)

    def seconds_left(self) -> float | None:
        """Until the last job, at the mean pace so far; None: not known."""
        spent = [j.record.seconds for j in self.ended() if j.record and j.record.note is None]
        if not spent or not self.workers:
            return None
        pace = sum(spent) / len(spent)
        waiting = sum(job.state == WAITING for job in self.jobs.values())
        waiting += self.n_jobs - len(self.jobs)
        going = [self._left(job, pace) for job in self.running()]
        return max([(waiting * pace + sum(going)) / self.workers, *going])

    def _left(self, job: Job, pace: float) -> float:
        """Seconds until a running job ends: by its own pace, or that of those before it."""
        spent = self.clock() - job.began
        if job.i and job.length:
            return spent / job.i * (job.length - job.i)
        return max(0.0, pace - spent)

    def _asked(self, jobs: Sequence[Asked]) -> None:
        for job in jobs:
            self.jobs[job.number] = Job(job.number, job.overrides)
        self._labels = labels({n: job.overrides for n, job in self.jobs.items()})

    def _told(self, job: Job, event: Event) -> None:
        if isinstance(event, RunStarted):
            job.length = event.length
            job.i = event.resumed_from if event.resumed_from is not None else 0
            self.system = event.record.system
            self.objective = self.objective or event.record.objective or {}
        elif isinstance(event, IterationDone):
            job.i, job.length, job.inner = event.i, event.length, ""
            if event.objective is not None:
                job.objective = event.objective
        elif isinstance(event, InnerProgress):
            of = f"/{event.total}" if event.total is not None else ""
            job.inner = f"{event.label} {event.done}{of}"

    def _ended(self, record: JobRecord) -> None:
        job = self.jobs.setdefault(record.number, Job(record.number, record.overrides))
        job.record, job.state, job.inner = record, record.state, ""
        job.i = record.iterations
        if not self.system and record.directory:
            family, system = record.directory.split("/")[-3:-1]
            self.system = f"{family}/{system}"
        if record.objective is not None:
            job.objective = record.objective


def labels(jobs: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """The settings in which jobs differ, of each: "sparsity=0.6 seed=2"; of one job all."""
    pairs = {n: dict(_pair(text) for text in texts if _is_shown(text)) for n, texts in jobs.items()}
    keys = list(dict.fromkeys(key for of_job in pairs.values() for key in of_job))
    some = [key for key in keys if len({of_job.get(key) for of_job in pairs.values()}) > 1]
    shown = some if len(jobs) > 1 else keys
    return {
        n: " ".join(f"{key}={_short(of_job[key])}" for key in shown if key in of_job)
        for n, of_job in pairs.items()
    }


def _is_shown(text: str) -> bool:
    return not text.startswith(_NOT_SHOWN)


def _pair(text: str) -> tuple[str, str]:
    key, _, rest = text.partition("=")
    return key.removeprefix("task."), rest


def _short(text: str) -> str:
    """A number with as many digits as tell something; anything else as it was typed."""
    try:
        return value(float(text)) if "." in text and len(text) > 7 else text
    except ValueError:
        return text

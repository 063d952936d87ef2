"""What happens in a sweep, as events: the account emits them, the command line draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.core.progress import Event, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.launch.sweep import Asked, Sweep
    from iterun.store.sweeps import JobRecord

__all__ = [
    "Hears", "JobEnded", "JobStarted", "JobTold", "JobsAsked", "SweepEnded", "SweepEvent",
    "SweepRemark", "SweepStarted", "SweepStopping", "ignore",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class SweepStarted:
    """All configs are in order; the first jobs are about to begin."""

    sweep: Sweep
    launcher: str  #: the choice of hydra/launcher
    workers: int  #: jobs at a time; 0: somebody else decides
    threads: int | None  #: of each, if they share this machine
    objective: Mapping[str, Any] | None  #: {metric, goal}, if all jobs have the same


@dataclass(frozen=True, slots=True)
class JobsAsked:
    """So many more jobs are to be done; a search asks several times."""

    jobs: Sequence[Asked]


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job is being done. Its run's directory follows in `JobTold`, if it is heard at all."""

    job: Asked


@dataclass(frozen=True, slots=True)
class JobTold:
    """What a job's run told: a core event; of another process, what its directory shows."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is done, was refused, or is left alone."""

    record: JobRecord


@dataclass(frozen=True, slots=True)
class SweepRemark:
    """A sentence for the user that is of no single job."""

    text: str


@dataclass(frozen=True, slots=True)
class SweepStopping:
    """A signal came: running jobs go to their checkpoints, no other one begins."""

    signal: str
    running: int


@dataclass(frozen=True, slots=True)
class SweepEnded:
    """The last event of a sweep that began."""

    sweep: Sweep
    jobs: Sequence[JobRecord]  #: all that were asked for; those not begun are `waiting`
    state: str  #: completed, failed (a job is), interrupted
    go_on: str  #: the line that goes on with it, if it was interrupted
    seconds: float


SweepEvent = (
    SweepStarted
    | SweepRemark
    | JobsAsked
    | JobStarted
    | JobTold
    | JobEnded
    | SweepStopping
    | SweepEnded
)
Hears = Callable[[Any], None]  #: of a run: `Event`s; of a sweep: `SweepEvent`s

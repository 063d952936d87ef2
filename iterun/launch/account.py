"""A sweep in the process that began it: how each job stands, and what is to be said at the end."""

from __future__ import annotations

import os
import shlex
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import IterunError
from iterun.launch import events
from iterun.store import process, sweeps
from iterun.store.schema import INTERRUPTED, RUNNING
from iterun.store.sweeps import SUBMITTED, JobRecord, SweepRecord

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping, Sequence

    from iterun.core.progress import Event
    from iterun.launch.events import Hears
    from iterun.launch.local import Code
    from iterun.launch.sweep import Asked, Sweep


class SweepError(IterunError):
    """Some jobs of a sweep failed; the others are done."""


class Account:
    """Keeps the records of a sweep's jobs and tells of them.

    Args:
        sweep: what it is.
        record: what was asked for, to be kept in its folder.
        code: knows the state of the user's repository.
        hears: makes the listener when the first job is about to begin.
        options: that every line of the user's needs: --outputs.
    """

    def __init__(
        self, sweep: Sweep, record: SweepRecord, code: Code, hears: Callable[[], Hears],
        options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.sweep = sweep
        self.record = record
        self.jobs: dict[int, Asked] = {}
        self.ended: dict[int, JobRecord] = {}
        self.is_search = False  #: failed jobs are findings of it
        self._code = code
        self._make = hears
        self._hears: Hears = events.ignore
        self._options = list(options)
        self._began: float | None = None
        self._clock = time.monotonic
        self._at_end: list[Callable[[], None]] = []

    @property
    def has_begun(self) -> bool:
        """Whether a job was about to be done: the sweep has a folder."""
        return self._began is not None

    def begin(
        self, *, workers: int = 1, threads: int | None = None,
        objective: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """The first jobs are about to be done; again has no effect.

        Raises:
            DiskError: the sweep's folder can't be written.
        """
        if self._began is not None:
            return
        self._began = self._clock()
        own = process.own_status(RUNNING, attempt=1)
        record = self.record
        record.git, patch = self._code.state()
        record.created = datetime.now().astimezone().isoformat(timespec="seconds")
        record.pid, record.host = own.pid, own.host
        record.boot_id, record.start_ticks = own.boot_id, own.start_ticks
        sweeps.write(Path(self.sweep.folder), record, patch)
        self._hears = self._make()
        started = events.SweepStarted(self.sweep, record.launcher, workers, threads, objective)
        self._hears(started)

    def asked(self, jobs: Sequence[Asked]) -> None:
        """More jobs are to be done.

        Raises:
            DiskError: the sweep's folder can't be written.
        """
        self.jobs.update({job.number: job for job in jobs})
        self.record.jobs = len(self.jobs)
        sweeps.write(Path(self.sweep.folder), self.record)
        self._hears(events.JobsAsked(jobs))

    def started(self, job: Asked) -> None:
        """A job is being done."""
        self._hears(events.JobStarted(job))

    def told(self, number: int, event: Event) -> None:
        """A job's run told something."""
        self._hears(events.JobTold(number, event))

    def end(self, record: JobRecord) -> None:
        """A job is done, or can't be."""
        self.ended[record.number] = record
        self._hears(events.JobEnded(record))

    def tell(self, event: object) -> None:
        """Something that no job did: a search has words of its own."""
        self._hears(event)

    def at_end(self, close: Callable[[], None]) -> None:
        """Have something done when the sweep is over, or left: workers let go."""
        self._at_end.append(close)

    def stopping(self, number: signal.Signals, running: int) -> None:
        """A signal came."""
        self._hears(events.SweepStopping(number.name, running))

    def finish(self, *, interrupted: bool) -> SweepError | None:
        """The sweep is over, or left; what is to be said: nothing, or which jobs failed."""
        for close in self._at_end:
            close()
        if self._began is None:
            return None
        failed = [] if self.is_search else self.failed()
        state = INTERRUPTED if interrupted else "failed" if failed else "completed"
        if not interrupted and any(job.note == SUBMITTED for job in self.ended.values()):
            state = RUNNING
        self.record.state = state
        sweeps.write(Path(self.sweep.folder), self.record)
        seconds = self._clock() - self._began
        self._hears(events.SweepEnded(self.sweep, self.records(), state, self.go_on(), seconds))
        return self._error(failed) if failed and not interrupted else None

    def records(self) -> list[JobRecord]:
        """All jobs in order; those that were not begun are waiting."""
        found = []
        for number, job in sorted(self.jobs.items()):
            waiting = JobRecord(number=number, overrides=list(job.overrides))
            found.append(self.ended.get(number, waiting))
        return found

    def failed(self) -> list[JobRecord]:
        """The jobs that are not as they should be.

        Those that a signal ended too: if it wasn't meant for the whole sweep, nobody else says so.
        """
        return [job for _, job in sorted(self.ended.items()) if not job.is_good]

    def repeat(self, job: JobRecord) -> str:
        """The line that does a job once more, by itself."""
        return shlex.join(["iterun", *self.options(), *job.overrides, *self.own_hydra()])

    def options(self) -> list[str]:
        """What every line of this sweep's jobs begins with."""
        return [*self._options, *self.sweep.flags]

    def own_hydra(self) -> list[str]:
        """Settings of Hydra's own node that a job by itself needs too."""
        return [t for t in self.sweep.hydra if t.startswith(("hydra.searchpath=", "hydra.job."))]

    def go_on(self) -> str:
        """The line that goes on with the sweep."""
        words = [w for w in self.record.command if not w.startswith("on_existing=")]
        return shlex.join([words[0], *self._options, *words[1:], "on_existing=resume"])

    def _error(self, failed: Sequence[JobRecord]) -> SweepError:
        said = [f"{self._said(job)}\n  repeat it: {self.repeat(job)}" for job in failed]
        states = Counter(job.state for job in failed)
        kinds = ", ".join(f"{n} {state}" for state, n in states.most_common())
        return SweepError(
            f"{len(failed)} of {len(self.jobs)} jobs failed ({kinds})\n" + "\n".join(said),
            hint=f"mend what each says, then go on with those that are not done: {self.go_on()}",
        )

    @staticmethod
    def _said(job: JobRecord) -> str:
        said = (job.error or job.reason or "").partition("\n")[0]
        return f"job {job.number} {job.state}: {said}".rstrip(": ")


def new_record(sweep: Sweep, command: Sequence[str], overrides: Sequence[str]) -> SweepRecord:
    """What was asked for, for sweep.json."""
    return SweepRecord(
        id=sweep.id, created="", command=["iterun", *command], overrides=list(overrides),
        hydra=list(sweep.hydra), flags=list(sweep.flags), cwd=os.getcwd(),
    )  # fmt: skip

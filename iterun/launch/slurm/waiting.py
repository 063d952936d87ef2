"""Waits for jobs on a cluster by what they write, and by what SLURM's queue says of the others."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from iterun.launch.afar import Afar, last_record, state_of
from iterun.launch.slurm import batch, queue
from iterun.store import sweeps
from iterun.store.schema import INTERRUPTED, RUNNING
from iterun.store.sweeps import WAITING, JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from iterun.launch.account import Account
    from iterun.launch.held import Held
    from iterun.launch.slurm.batch import Batch
    from iterun.launch.sweep import Asked

log = logging.getLogger(__name__)

_LOOK = 0.2  # seconds between two looks at signals
_FILES = 0.5  # seconds between two looks at the files
_SOONEST, _LATEST = 1.0, 20.0  # seconds between two questions to the controller
_GONE = 2.0  # seconds that a job's files may come late over a network
_SILENT = 5  # questions without an answer, after which it is said


class Waiting:
    """The jobs of a sweep that a cluster has.

    Args:
        folder: the sweep's.
        account: keeps the records.
        clock: seconds, monotonic.
    """

    def __init__(
        self, folder: Path, account: Account, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._jobs: dict[int, Asked] = {}
        self._elements: dict[int, str] = {}  # by the job's number, as SLURM names it
        self._afar = Afar(folder, account)
        self._gone: dict[int, float] = {}  # since when the queue doesn't have it
        self._question = _Question(clock)

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, number: int) -> bool:
        return number in self._jobs

    @property
    def jobs(self) -> list[Asked]:
        """Those that have not ended."""
        return list(self._jobs.values())

    @property
    def arrays(self) -> list[str]:
        """The arrays that they are in."""
        return sorted({self._elements[n].partition("_")[0] for n in self._jobs})

    def add(self, some: Batch) -> None:
        """Wait for the jobs of a batch."""
        for k, job in enumerate(some.jobs):
            self._jobs[job.number], self._elements[job.number] = job, some.element(k)

    def adopt(self, batches: Sequence[Batch], asked: Sequence[Asked]) -> None:
        """Wait for those jobs of earlier batches that SLURM still has."""
        try:
            there = queue.states(some.array for some in batches)
        except queue.QueueError as error:
            log.warning("SLURM doesn't say which jobs there are: %s", error)
            return
        wanted = {job.number: job for job in asked}
        for some in batches:
            for element, number in some.numbers.items():
                if element in there and number in wanted:
                    self._jobs[number], self._elements[number] = wanted[number], element

    def each(self, held: Held) -> Iterator[JobRecord]:
        """Yield the record of each job when it has ended, until all have or a signal comes."""
        looked = float("-inf")
        while self._jobs and held.caught is None:
            threading.Event().wait(_LOOK)
            if self._clock() - looked < _FILES:
                continue
            looked = self._clock()
            for record in self._afar.look(self._jobs):
                # One that is interrupted may be queued again: the queue says whether it is.
                if record.note == "alive" or record.state not in (RUNNING, INTERRUPTED):
                    yield self._ended(record)
            yield from self._asked()

    def _asked(self) -> Iterator[JobRecord]:
        """Ask the controller, if it is time to, which jobs have left the queue."""
        there = self._question.answer(self.arrays)
        if there is None:
            return
        now = self._clock()
        for number in list(self._jobs):
            if self._elements[number] in there:
                self._gone.pop(number, None)
            elif now - self._gone.setdefault(number, now) >= _GONE:
                yield self._ended(self._last(number))
        if self._gone.keys() & self._jobs.keys():
            self._question.soon()

    def _ended(self, record: JobRecord) -> JobRecord:
        self._afar.end(record.number)
        del self._jobs[record.number]
        return record

    def _last(self, number: int) -> JobRecord:
        """The record of a job that SLURM has no more: as it wrote it, or as its run shows."""
        job, element = self._jobs[number], self._elements[number]
        record = last_record(self._folder, job)
        if record.state not in (WAITING, RUNNING):
            return record
        said = queue.last_words(element)
        printed = self._folder / batch.FOLDER / f"{element}.log"
        record.state, record.exit_status = "lost", 1
        record.error = f"SLURM's job {element} ended without a word: {said or 'nobody knows how'}"
        if printed.is_file():
            record.error += f"; what it printed: {printed}"
        elif record.directory is None and said.partition(",")[0] in ("", "CANCELLED"):
            record.state, record.exit_status = INTERRUPTED, 143
            record.error = f"SLURM's job {element} was cancelled before it began"
        if state_of(record) == INTERRUPTED:  # it left in order
            record.state, record.exit_status, record.error = INTERRUPTED, 143, None
        sweeps.write_job(self._folder, record)
        return record


class _Question:
    """Asks the controller for the queue, seldom while nothing happens."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._pause = _SOONEST
        self._next = float("-inf")
        self._last: dict[str, str] = {}
        self._silent = 0

    def soon(self) -> None:
        """Something is about to happen."""
        self._pause = _SOONEST
        self._next = min(self._next, self._clock() + _SOONEST)

    def answer(self, arrays: Sequence[str]) -> dict[str, str] | None:
        """Which elements there are, in which state; None: it isn't time, or there is no answer."""
        if self._clock() < self._next:
            return None
        try:
            found = queue.states(arrays)
            self._silent = 0
        except queue.QueueError as error:
            self._silent += 1
            if self._silent == _SILENT:
                log.warning("SLURM doesn't answer; what jobs write is still seen: %s", error)
            found = None
        changed = found is not None and found != self._last
        self._last = self._last if found is None else found
        self._pause = _SOONEST if changed else min(_LATEST, self._pause * 1.5)
        self._next = self._clock() + self._pause
        return found

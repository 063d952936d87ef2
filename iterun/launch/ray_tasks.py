"""A sweep's tasks in Ray: submitted, watched, told to stop, done again when a worker was lost."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError, RuntimeEnvSetupError, TaskUnschedulableError

from iterun.launch.afar import Afar, last_record, state_of
from iterun.launch.ray_worker import STOP, packed
from iterun.store import disk, sweeps
from iterun.store.schema import INTERRUPTED, RUNNING
from iterun.store.sweeps import JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.launch.held import Held
    from iterun.launch.ray import Ray
    from iterun.launch.sweep import Asked, Sweep

_LOOK = 0.2  # seconds between two looks at signals
_FILES = 0.5  # seconds between two looks at the files
_LEAVE = 4.0  # seconds that workers may take to leave after a second Ctrl-C
_FINAL = (RayTaskError, RuntimeEnvSetupError, TaskUnschedulableError)  # would be so again


class Tasks:
    """The tasks of a batch of jobs.

    Args:
        launcher: what a job needs, and who is told.
        sweep: what all jobs have in common.
        held: notes signals.
    """

    def __init__(self, launcher: Ray, sweep: Sweep, held: Held) -> None:
        self._launcher = launcher
        self._sweep = sweep
        self._folder = Path(sweep.folder)
        self._held = held
        self._afar = Afar(self._folder, launcher.account)
        self._remote = launcher.remote()
        self._jobs: dict[int, Asked] = {}
        self._tasks: dict[Any, int] = {}
        self._again: list[int] = []  # lost with their worker, to be done again
        self._retries: dict[int, int] = {}
        self._passed = 0  # signals passed on

    def each(self, asked: Sequence[Asked]) -> Iterator[JobRecord]:
        """Do jobs; yield the record of each when it has ended."""
        self._stop().unlink(missing_ok=True)
        self._jobs = {job.number: job for job in asked}
        for number in self._jobs:
            self._submit(number)
        looked = float("-inf")
        while self._tasks or (self._again and self._held.caught is None):
            ended, _ = ray.wait(list(self._tasks), timeout=_LOOK) if self._tasks else ([], [])
            yield from self._ended(ended)
            self._pass_on()
            if time.monotonic() - looked >= _FILES:
                looked = time.monotonic()
                self._afar.look(self._jobs)
                self._retry()
        yield from [self._lost(number, "its worker was lost") for number in self._again]

    def _submit(self, number: int) -> None:
        threads = max(1, int(self._launcher.needs["num_cpus"]))
        task = self._remote.remote(*packed(self._sweep, self._jobs[number], threads))
        self._tasks[task] = number

    def _ended(self, tasks: Sequence[Any]) -> Iterator[JobRecord]:
        for task in tasks:
            number = self._tasks.pop(task)
            try:
                body = ray.get(task)
            except RayError as error:
                if not self._may_go_on(number, error):
                    yield self._lost(number, _said(error))
                continue
            self._afar.look(self._jobs)
            self._afar.end(number)
            if body is not None:
                yield JobRecord.from_json(body)

    def _may_go_on(self, number: int, error: RayError) -> bool:
        """Note that a job is to be done again."""
        n = self._retries.get(number, 0)
        final = isinstance(error, _FINAL) or self._held.caught is not None
        if final or n >= self._launcher.max_retries:
            return False
        self._retries[number] = n + 1
        self._again.append(number)
        self._launcher.say(f"job {number} is done again: {_said(error)}")
        return True

    def _retry(self) -> None:
        """Do lost jobs again whose run nobody is at any more, as far as can be seen from here."""
        if self._held.caught is not None:
            return
        for number in list(self._again):
            if state_of(last_record(self._folder, self._jobs[number])) != RUNNING:
                self._again.remove(number)
                self._submit(number)

    def _lost(self, number: int, said: str) -> JobRecord:
        """The record of a job that gave none: as its directory says."""
        self._afar.end(number)
        record = last_record(self._folder, self._jobs[number])
        record.state, record.exit_status, record.error = "lost", 1, said
        if state_of(record) == INTERRUPTED:
            record.state, record.exit_status, record.error = INTERRUPTED, 130, None
        with suppress(OSError):
            sweeps.write_job(self._folder, record)
        return record

    def _pass_on(self) -> None:
        """Have jobs leave with a checkpoint; after a second Ctrl-C without one."""
        caught = self._held.caught
        if caught is None or self._passed == 2:
            return
        if self._passed == 0:
            self._passed = 1
            running = len(self._tasks)
            self._launcher.account.stopping(caught, running)
            self._tell([caught])
        if self._held.again:
            self._passed = 2
            self._tell([caught, signal.SIGINT])
            ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=_LEAVE)
            for task in self._tasks:
                ray.cancel(task, force=True)

    def _tell(self, numbers: Sequence[signal.Signals]) -> None:
        disk.write_beside(self._stop(), bytes(numbers), durable=False)

    def _stop(self) -> Path:
        return self._folder / STOP


def _said(error: RayError) -> str:
    """Ray's error as one sentence."""
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    text = str(error).strip() or type(error).__name__
    return text.partition("\n")[0].partition(". ")[0]

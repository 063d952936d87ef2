"""Jobs side by side on this machine: a row of joblib's loky executors with one worker each.

joblib.Parallel ends all its workers when one of them dies, and a tenth of a second after Ctrl-C,
in the middle of a checkpoint. With an executor for each worker, a worker that is killed takes only
its own job along. Workers stand in process groups of their own: a signal reaches them when it is
passed on, once, and what a second one means is up to them.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from joblib.externals.loky import process_executor
from joblib.externals.loky.backend import get_context

from iterun.core.progress import Event, RunStarted
from iterun.core.signals import CAUGHT
from iterun.errors import ConfigError, StoreError
from iterun.launch import device, jobs
from iterun.launch.follow import Follow
from iterun.launch.held import Held
from iterun.launch.launcher import Local
from iterun.store import sweeps
from iterun.store.reader import RunView
from iterun.store.schema import INTERRUPTED
from iterun.store.sweeps import JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.launch.sweep import Asked, Sweep

_LOOK = 0.2  # seconds between two looks at signals and progress
_LEAVE = 4.0  # seconds that workers may take to leave after a second Ctrl-C
_ORPHANED = 1.0  # seconds between two looks at whether the parent is still there
#: what numeric libraries ask for the number of their threads
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Joblib(Local):
    """Does jobs in worker processes, which keep what they imported and loaded.

    Args:
        n_jobs: workers; "auto": as many as cores; -1: all cores, -2: all but one, as in joblib.
    """

    def __init__(self, n_jobs: int | str | None = "auto") -> None:
        super().__init__(n_jobs=n_jobs)
        self.n_jobs = n_jobs

    def workers(self, n_jobs: int) -> int:
        n = device.cores() if self.n_jobs in (None, "auto") else self.n_jobs
        if not isinstance(n, int) or isinstance(n, bool) or n == 0:
            raise ConfigError(
                f"hydra.launcher.n_jobs={self.n_jobs} is no number of workers",
                hint="as in hydra.launcher.n_jobs=4; auto takes as many as there are cores",
            )
        n = n if n > 0 else max(1, device.cores() + 1 + n)
        return min(n, n_jobs)

    def each(self, sweep: Sweep, asked: Sequence[Asked], held: Held) -> Iterator[JobRecord]:
        row = _Row(self, sweep, held)
        try:
            yield from row.each(asked, self.workers(len(asked)))
        finally:
            row.close()


class _Row:
    """The workers of a sweep, and what each is at."""

    def __init__(self, launcher: Joblib, sweep: Sweep, held: Held) -> None:
        self._account = launcher.account
        self._sweep = sweep
        self._held = held
        self._follow = Follow(Path(sweep.folder), self._account.told)
        self._running: dict[Future[JobRecord], tuple[_Worker, Asked]] = {}
        self._workers: list[_Worker] = []
        self._passed = 0  # signals passed on

    def each(self, asked: Sequence[Asked], n_workers: int) -> Iterator[JobRecord]:
        self._workers = [_Worker(self._sweep) for _ in range(n_workers)]
        free, waiting = list(self._workers), deque(asked)
        while (waiting and self._held.caught is None) or self._running:
            while waiting and free and self._held.caught is None:
                self._begin(free.pop(0), waiting.popleft())
            ended, _ = wait(self._running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            self._pass_on()
            self._follow.look()
            for future in ended:
                worker, job = self._running.pop(future)
                free.append(worker)
                self._follow.end(job.number)
                yield self._record(future, worker, job)

    def close(self) -> None:
        """End the workers; those that still compute are killed."""
        for worker in self._workers:
            worker.close()

    def _begin(self, worker: _Worker, job: Asked) -> None:
        self._account.started(job)
        self._follow.begin(job.number)
        self._running[worker.submit(job)] = worker, job

    def _pass_on(self) -> None:
        """Give the signal on to workers, and a second SIGINT; then they have so long to leave."""
        if self._held.caught is None or self._passed == 2:
            return
        if self._passed == 0:
            self._passed = 1
            self._account.stopping(self._held.caught, len(self._running))
            self._send(self._held.caught)
        if self._held.again:
            self._passed = 2
            self._send(signal.SIGINT)
            wait(self._running, timeout=_LEAVE)
            for worker, _ in self._running.values():
                worker.kill()

    def _send(self, number: signal.Signals) -> None:
        for worker, _ in self._running.values():
            worker.send(number)

    def _record(self, future: Future[JobRecord], worker: _Worker, job: Asked) -> JobRecord:
        try:
            return future.result()
        except BrokenExecutor as error:
            worker.close()
            return _killed(self._sweep, job, error)


class _Worker:
    """One process, made when it gets its first job, and anew after it was killed."""

    def __init__(self, sweep: Sweep) -> None:
        self._sweep = sweep
        self._executor: process_executor.ProcessPoolExecutor | None = None

    def submit(self, job: Asked) -> Future[JobRecord]:
        """Have the job done."""
        with _blocked():  # until the worker can take signals, none reaches it
            if self._executor is None:
                threads = str(self._sweep.threads or device.cores())
                self._executor = process_executor.ProcessPoolExecutor(
                    max_workers=1, context=get_context("loky"), initializer=_ready,
                    initargs=(os.getpid(),), env=dict.fromkeys(_THREADS, threads),
                )  # fmt: skip
            future: Future[JobRecord] = self._executor.submit(work, self._sweep, job)
        return future

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        for pid in list(self._executor._processes or ()) if self._executor else ():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """End the process at once."""
        self.send(signal.SIGKILL)

    def close(self) -> None:
        """Let the process go."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, kill_workers=True)
            self._executor = None


def _killed(sweep: Sweep, job: Asked, error: BaseException) -> JobRecord:
    """The record of a job whose worker is gone: as its directory says."""
    record = sweeps.read_job(Path(sweep.folder), job.number)
    if record is None:
        record = JobRecord(number=job.number, overrides=list(job.overrides))
    record.state, record.exit_status = "lost", 1
    found = re.search(r"\{(.*)\}", str(error))
    codes = found.group(1) if found else ""
    record.error = f"its worker was ended from outside: {codes or 'for no reason it gave'}"
    if "SIGKILL" in codes:
        record.error += "; SIGKILL is also what a full memory gives"
    if record.directory is not None:
        with suppress(StoreError):
            if RunView(Path(record.directory)).state == INTERRUPTED:  # it left in order
                record.state, record.exit_status, record.error = INTERRUPTED, 130, None
    with suppress(OSError):
        sweeps.write_job(Path(sweep.folder), record)
    return record


@contextmanager
def _blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In a worker.

_held = Held()


def _ready(parent: int) -> None:
    """Make this process a worker: it leaves when the parent does, and on a signal in order."""
    os.setpgrp()
    # Else loky ends a worker that has grown by 100 MB, with all that it keeps for the next job.
    process_executor._USE_PSUTIL = False
    _held.__enter__()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(_ORPHANED)
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60.0)
    os._exit(128 + signal.SIGTERM)


def work(sweep: Sweep, job: Asked) -> JobRecord:
    """Do a job in a worker."""

    def heard(event: Event) -> None:
        if isinstance(event, RunStarted) and _held.caught is not None:
            signal.raise_signal(_held.caught)  # it came before the run could hear it

    if not _is_awake():
        return JobRecord(number=job.number, overrides=list(job.overrides))
    return jobs.do(sweep, job, heard)


def _is_awake() -> bool:
    """Import what takes seconds, while a signal may still end it at once; False: one came."""
    try:
        _held.raises = _held.caught is None
        import torch  # noqa: F401
    except KeyboardInterrupt:
        return False
    finally:
        _held.raises = False
    return _held.caught is None

"""Jobs side by side on this machine: a row of joblib's loky executors with one worker each.

joblib.Parallel ends all its workers when one of them dies, and a tenth of a second after Ctrl-C,
in the middle of a checkpoint. With an executor for each worker, a worker that is killed takes only
its own job along, and a signal is passed on to all of them and waited for.
"""

from __future__ import annotations

import os
import re
import signal
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import ConfigError, StoreError
from iterun.launch import device
from iterun.launch.follow import Follow
from iterun.launch.launcher import Local
from iterun.launch.loky import LOG, Worker
from iterun.store import sweeps
from iterun.store.reader import RunView
from iterun.store.schema import INTERRUPTED
from iterun.store.sweeps import JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.launch.account import Account
    from iterun.launch.held import Held
    from iterun.launch.sweep import Asked, Sweep

_LOOK = 0.2  # seconds between two looks at signals and progress
_LEAVE = 4.0  # seconds that workers may take to leave after a second Ctrl-C


class Joblib(Local):
    """Does jobs in worker processes, which keep what they imported and loaded until the sweep ends.

    Args:
        n_jobs: workers; "auto": as many as cores, or as GPUs where jobs compute on those;
            -1: all cores, -2: all but one, as in joblib.
    """

    def __init__(self, n_jobs: int | str | None = "auto") -> None:
        super().__init__(n_jobs=n_jobs)
        self.n_jobs = n_jobs
        self._workers: list[Worker] = []

    def workers(self, n_jobs: int) -> int:
        n = self._auto() if self.n_jobs in (None, "auto") else self.n_jobs
        if not isinstance(n, int) or isinstance(n, bool) or n == 0:
            raise ConfigError(
                f"hydra.launcher.n_jobs={self.n_jobs} is no number of workers",
                hint="as in hydra.launcher.n_jobs=4; auto takes as many as there are cores",
            )
        n = n if n > 0 else max(1, device.cores() + 1 + n)
        return min(n, n_jobs)

    def each(self, sweep: Sweep, asked: Sequence[Asked], held: Held) -> Iterator[JobRecord]:
        if not self._workers:
            self.account.at_end(self._close)
        cards = _cards() if self._on_cards() else []
        for n in range(len(self._workers), self.workers(len(asked))):
            self._workers.append(Worker(sweep, cards[n % len(cards)] if cards else None))
        row = _Row(self.account, sweep, held, self._workers)
        try:
            yield from row.each(asked)
        finally:
            row.close()

    def _auto(self) -> int:
        return len(_cards()) if self._on_cards() else device.cores()

    def _on_cards(self) -> bool:
        devices = self.checked.devices if self.checked else ()
        return any(name.startswith("cuda") for name in devices)

    def _close(self) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.close()
        with suppress(OSError):
            log = Path(self.task.sweep.folder) / LOG
            if log.stat().st_size == 0:
                log.unlink()


def _cards() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    given = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    return given or [str(n) for n in range(torch.cuda.device_count())]


class _Row:
    """What each worker is at, in one batch of jobs."""

    def __init__(
        self, account: Account, sweep: Sweep, held: Held, workers: Sequence[Worker]
    ) -> None:
        self._account = account
        self._sweep = sweep
        self._held = held
        self._workers = workers
        self._follow = Follow(Path(sweep.folder), account.told)
        self._running: dict[Future[JobRecord], tuple[Worker, Asked]] = {}
        self._passed = 0  # signals passed on

    def each(self, asked: Sequence[Asked]) -> Iterator[JobRecord]:
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
        """End what still computes: whoever asked for it has left."""
        for worker, _ in self._running.values():
            worker.kill()

    def _begin(self, worker: Worker, job: Asked) -> None:
        self._account.started(job)
        self._follow.begin(job.number)
        self._running[worker.submit(self._sweep, job)] = worker, job

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

    def _record(self, future: Future[JobRecord], worker: Worker, job: Asked) -> JobRecord:
        try:
            return future.result()
        except BrokenExecutor as error:
            worker.close()
            return _killed(self._sweep, job, error)


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

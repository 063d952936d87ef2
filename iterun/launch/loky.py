"""A worker process: one of joblib's loky executors with a single process in it.

It stands in a process group of its own, so that a terminal's Ctrl-C doesn't reach it: a signal is
passed on, once, and what a second one means is up to it. It leaves when its parent is gone.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from joblib.externals.loky import process_executor
from joblib.externals.loky.backend import get_context

from iterun.core.signals import CAUGHT
from iterun.launch import device
from iterun.launch.held import Held
from iterun.launch.worker import work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from iterun.launch.sweep import Asked, Sweep
    from iterun.store.sweeps import JobRecord

LOG = "workers.log"  #: in the sweep's folder: what was said in workers, if anything was
_ORPHANED = 1.0  # seconds between two looks at whether the parent is still there
_OUTLIVE = 600.0  # seconds that a worker may take to leave after it
#: what numeric libraries ask for the number of their threads
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Worker:
    """One process, made when it gets its first job, and anew after it was killed.

    Args:
        sweep: for its share of the cores and its folder.
        card: the one GPU that it sees.
    """

    def __init__(self, sweep: Sweep, card: str | None) -> None:
        self._env = dict.fromkeys(_THREADS, str(sweep.threads or device.cores()))
        if card is not None:
            self._env["CUDA_VISIBLE_DEVICES"] = card
        self._log = f"{sweep.folder}/{LOG}"
        self._executor: process_executor.ProcessPoolExecutor | None = None

    def submit(self, sweep: Sweep, job: Asked) -> Future[JobRecord]:
        """Have the job done."""
        with _blocked():  # until the worker can take signals, none reaches it
            if self._executor is None:
                self._executor = process_executor.ProcessPoolExecutor(
                    max_workers=1, context=get_context("loky"), initializer=_ready,
                    initargs=(os.getpid(), self._log), env=self._env,
                )  # fmt: skip
            future: Future[JobRecord] = self._executor.submit(_work, sweep, job)
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


@contextmanager
def _blocked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, CAUGHT)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In a worker.

_held = Held()
_idle = threading.Event()  # no job is being done


def _ready(parent: int, log: str) -> None:
    """Make this process a worker: it leaves when the parent does, and on a signal in order."""
    os.setpgrp()
    _idle.set()
    said = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(said, 1)  # what libraries say would tear the parent's screen
    os.dup2(said, 2)
    # Else loky ends a worker that has grown by 100 MB, with all that it keeps for the next job.
    process_executor._USE_PSUTIL = False
    _held.__enter__()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        threading.Event().wait(_ORPHANED)
    os.kill(os.getpid(), signal.SIGTERM)
    _idle.wait(_OUTLIVE)
    os._exit(128 + signal.SIGTERM)


def _work(sweep: Sweep, job: Asked) -> JobRecord:
    _idle.clear()
    try:
        return work(sweep, job, _held)
    finally:
        _idle.set()

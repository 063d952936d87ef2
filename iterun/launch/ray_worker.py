"""What runs in a worker of Ray: one job, told to stop by a file that all nodes see.

`entry` travels by value and its arguments are plain, so that a worker needs nothing on its path
but what it is told there.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import iterun
from iterun.core.signals import CAUGHT
from iterun.launch.held import Held
from iterun.launch.sweep import Asked, Sweep
from iterun.launch.worker import work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

STOP = "stop"  #: in the sweep's folder: the numbers of the signals that jobs are to get
_LOOK = 0.5  # seconds between two looks at it

Plain = tuple[str, dict[str, Any], int, list[str]]


def entry() -> Callable[..., Any]:
    """The function that is a task."""

    def do(root: str, sweep: dict[str, Any], number: int, overrides: list[str]) -> Any:
        import sys

        if root not in sys.path:
            sys.path.append(root)
        from iterun.launch import ray_worker

        return ray_worker.do(sweep, number, overrides)

    return do


def packed(sweep: Sweep, job: Asked, threads: int) -> Plain:
    """A job as plain values: the arguments of `entry`."""
    body = dataclasses.asdict(dataclasses.replace(sweep, threads=threads))
    return str(Path(iterun.__file__).parents[1]), body, job.number, list(job.overrides)


def do(sweep: Mapping[str, Any], number: int, overrides: Sequence[str]) -> dict[str, Any] | None:
    """Do a job in this worker; its record, or None if it was not to begin any more."""
    common = Sweep(**sweep)
    stop = Path(common.folder) / STOP
    if _signals(stop):
        return None
    import torch  # noqa: F401  takes seconds the first time, in which no run could hear a signal

    over = threading.Event()
    with Held() as held:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, CAUGHT)  # Ray's own processes block SIGINT
        watch = threading.Thread(target=_watch, args=(stop, over), daemon=True)
        watch.start()
        try:
            return work(common, Asked(number, tuple(overrides)), held).to_json()
        finally:
            over.set()
            watch.join()


def _watch(stop: Path, over: threading.Event) -> None:
    """Give this process each signal that the file names, once."""
    given = 0
    while not over.wait(_LOOK):
        for number in _signals(stop)[given:]:
            given += 1
            os.kill(os.getpid(), number)


def _signals(stop: Path) -> bytes:
    try:
        return stop.read_bytes()
    except OSError:
        return b""

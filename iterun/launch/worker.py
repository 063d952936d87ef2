"""A job of a sweep in a process of its own, where a signal may come before there is a run."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from iterun.core.progress import Event, RunStarted
from iterun.launch import jobs

if TYPE_CHECKING:
    from iterun.launch.held import Held
    from iterun.launch.sweep import Asked, Sweep
    from iterun.store.sweeps import JobRecord


def work(sweep: Sweep, job: Asked, held: Held) -> JobRecord:
    """Do a job. A signal that came before its run could hear it ends the run at its start.

    Args:
        sweep: what all jobs have in common.
        job: its number and settings.
        held: notes signals; its context is open.
    """

    def heard(event: Event) -> None:
        if isinstance(event, RunStarted) and held.caught is not None:
            signal.raise_signal(held.caught)

    return jobs.do(sweep, job, heard)

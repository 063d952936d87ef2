"""What jobs in other processes have reached, read from the sweep's folder and their directories."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.core.progress import IterationDone, RunStarted
from iterun.errors import StoreError
from iterun.store import sweeps
from iterun.store.newest import newest
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterun.core.progress import Event
    from iterun.store.schema import RunRecord

_EVERY = 0.5  # seconds between two looks


@dataclass
class _Run:
    """A job's run, as far as it was seen."""

    directory: Path | None = None
    record: RunRecord | None = None
    length: int | None = None
    i: int = -1


@dataclass
class Follow:
    """Tells what running jobs do, as their runs would if they were here.

    Args:
        folder: the sweep's.
        told: called with a job's number and an event.
        clock: seconds.
    """

    folder: Path
    told: Callable[[int, Event], None]
    clock: Callable[[], float] = time.monotonic
    _runs: dict[int, _Run] = field(default_factory=dict)
    _looked: float = float("-inf")

    def begin(self, number: int) -> None:
        """A job is being done."""
        self._runs[number] = _Run()

    def end(self, number: int) -> None:
        """A job has ended."""
        self._runs.pop(number, None)

    def look(self) -> None:
        """Tell what is new; called as often as one likes."""
        if self.clock() - self._looked < _EVERY:
            return
        self._looked = self.clock()
        for number, run in self._runs.items():
            if run.directory is None:
                self._find(number, run)
            elif (line := newest(run.directory)) is not None and line.i != run.i:
                run.i = line.i
                assert run.record is not None  # found with the directory
                self.told(number, IterationDone.recorded(line, run.length, run.record))

    def _find(self, number: int, run: _Run) -> None:
        """See whether the job's run has started."""
        job = sweeps.read_job(self.folder, number)
        if job is None or job.state != "running" or job.directory is None:
            return
        try:
            run.record = RunView(Path(job.directory)).record
        except StoreError:
            return
        run.directory, run.length = Path(job.directory), job.length
        self.told(number, RunStarted(run.directory, run.record, run.length, None))

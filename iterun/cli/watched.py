"""One run seen from outside, look by look: what has come since the last one."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from iterun.analysis.states import reason
from iterun.cli.tracker import Tracker
from iterun.core.progress import IterationDone, RunStarted
from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.schema import COMPLETED, DIVERGED, INTERRUPTED, RUNNING, Status
from iterun.store.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iterun.store.schema import Iteration

_PACE = 20  #: iterations that the pace is measured over
_LOG = 8192  #: bytes of the log's end


class Watched:
    """Follows a run by its files, wherever it computes.

    Args:
        directory: the run directory.
        clock: seconds since the epoch.

    Raises:
        StoreError: run.json can't be read.
    """

    def __init__(self, directory: Path, clock: Callable[[], float] = time.time) -> None:
        self.directory = directory
        self.clock = clock
        self.record = RunView(directory).record
        self._tail = Tail(directory)
        self._begin()
        self.status = Status(state=RUNNING)
        self.state = RUNNING
        self.has_restarted = False  #: a resume has moved lines away: earlier ones are told again

    def _begin(self) -> None:
        self.tracker = Tracker(self.clock)
        self.tracker.take(RunStarted(self.directory, self.record, None, None))
        self._recent: list[Iteration] = []
        self.seconds = 0.0  #: of all iterations
        self.cost: dict[str, float] = {}

    def look(self) -> list[IterationDone]:
        """Look at the files again; the iterations that came.

        Raises:
            StoreError: a file can't be read.
        """
        # The state first: lines that come after it are told at the next look, none are missed.
        view = RunView(self.directory)
        status, state = view.status, view.state
        lines = self._tail.new()
        if not self.directory.is_dir():  # last: a run that is moved away meanwhile looks lost
            raise StoreError(
                f"{self.directory} is gone", hint="`iterun rm --restore` brings runs back"
            )
        self.status, self.state = status, state
        if self._tail.has_restarted:
            self._begin()
        self.has_restarted = self._tail.has_restarted
        self.tracker.length = self.status.length
        return [self._take(line) for line in lines]

    def _take(self, line: Iteration) -> IterationDone:
        event = IterationDone.recorded(line, self.status.length, self.record)
        self.tracker.take(event)
        self._recent = [*self._recent[-_PACE:], line]
        self.seconds += line.seconds
        self.cost |= line.cost
        return event

    @property
    def why(self) -> str:
        """Why it is in its state, as a phrase."""
        try:
            summary = RunView(self.directory).summary
        except StoreError:
            summary = None
        costs = summary.costs if summary else {}
        return reason(self.state, self.status.reason, self.status.iteration, costs)

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return self.state == RUNNING

    @property
    def seconds_left(self) -> float | None:
        """Until the last iteration, at the pace of the last ones; None: not known."""
        length, recent = self.status.length, self._recent
        steps = [line for line in recent if line.i > 0]
        if length is None or not steps or not self.is_running:
            return None
        pace = sum(line.seconds for line in steps) / len(steps)
        if len(steps) > 1 and steps[-1].i > steps[0].i:
            between = (steps[-1].time - steps[0].time) / (steps[-1].i - steps[0].i)
            # After a resume there is a night between two lines.
            pace = between if pace <= between < 3 * pace else pace
        return max(0.0, pace * (length - steps[-1].i) - (self.clock() - steps[-1].time))

    def log(self, most: int) -> list[str]:
        """The last lines of the log.

        Raises:
            StoreError: log.txt can't be read.
        """
        lines = RunView(self.directory).log(_LOG).splitlines()
        return [line for line in lines if line.strip()][-most:] if most > 0 else []

    @property
    def exit_status(self) -> int:
        """As the run's own: 0 completed or still running, 1, 3, or 128 and the signal's number."""
        if self.state in (COMPLETED, RUNNING):
            return 0
        if self.state == INTERRUPTED:
            known = {number.name: int(number) for number in signal.Signals}
            return 128 + known.get(self.status.reason or "", int(signal.SIGINT))
        return 3 if self.state == DIVERGED else 1

"""The live screen of a sweep: a panel drawn by rich, lines of what went wrong above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli import stopping, sweep_end, sweep_panel
from iterun.cli.console import Span
from iterun.cli.drawn import Panel
from iterun.cli.sweep import Told, job_line
from iterun.cli.sweep_board import Board
from iterun.core.progress import Remark, RunStarted
from iterun.launch.events import JobEnded, JobsAsked, JobTold, SweepEnded, SweepRemark
from iterun.launch.search.events import StudyEnded

if TYPE_CHECKING:
    from iterun.cli.console import Part


class LiveSweep:
    """Draws a sweep; a listener."""

    def __init__(self) -> None:
        self.board = Board()
        self.panel = Panel(self._lines)
        self._announced = False
        self._said: set[str] = set()
        self._study: StudyEnded | None = None

    def __call__(self, event: Told) -> None:
        """Take in an event; the drawing is done by rich's thread."""
        self.board.take(event)
        if isinstance(event, SweepEnded):
            self.close()
            sweep_end.show(self.board, self._study)
        elif isinstance(event, StudyEnded):
            self._study = event
        elif isinstance(event, SweepRemark):
            self.panel.screen.line(Span("note: ", "warn"), event.text)
        elif isinstance(event, JobEnded):
            if not event.record.is_good:
                self.panel.screen.line(*job_line(self.board, self.board.jobs[event.record.number]))
        elif isinstance(event, JobsAsked):
            self._announce()
        elif isinstance(event, JobTold):
            self._told(event)

    def close(self) -> None:
        """Take the panel off the screen."""
        self.panel.close()

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self.panel.open()
            for parts in sweep_panel.heading(self.board):
                self.panel.screen.line(*parts)

    def _told(self, event: JobTold) -> None:
        told = event.event
        if isinstance(told, RunStarted) and self.board.workers == 1:
            stopping.listen(self._stopping)
        elif isinstance(told, Remark) and told.text not in self._said:
            self._said.add(told.text)
            self.panel.screen.line(Span("note: ", "warn"), f"job {event.number}: {told.text}")

    def _stopping(self) -> None:
        self.board.is_stopping = True

    def _lines(self, columns: int, rows: int, *, unicode: bool) -> list[list[Part]]:
        return sweep_panel.lines(self.board, columns, rows, unicode=unicode)

"""The live display of a run: a panel on the terminal that leaves no trace of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli import ending, panel, stopping
from iterun.cli.console import Span
from iterun.cli.drawn import Panel
from iterun.cli.tracker import Tracker
from iterun.core.progress import Event, Remark, RunEnded, RunStarted

if TYPE_CHECKING:
    from iterun.cli.console import Part


class LiveDisplay:
    """Draws one run after the other; a listener."""

    def __init__(self) -> None:
        self.tracker = Tracker()
        self._panel = Panel(self._lines)
        self._panel.open()

    def __call__(self, event: Event) -> None:
        """Take in an event; the drawing is done by rich's thread."""
        if isinstance(event, RunEnded):
            self.close()
            ending.show(event.outcome, self.tracker.record)
            self.tracker = Tracker()
            return
        self.tracker.take(event)
        self._panel.open()
        if isinstance(event, Remark):
            self._panel.screen.line(Span("note: ", "warn"), event.text)
        elif isinstance(event, RunStarted):
            self._announce(event)

    def close(self) -> None:
        """Take the panel off the screen."""
        self._panel.close()

    def _announce(self, event: RunStarted) -> None:
        stopping.listen(self.tracker.stop)
        for parts in panel.heading(self.tracker, str(event.directory)):
            self._panel.screen.line(*parts)
        for note in event.notes:
            self._panel.screen.line(Span("note: ", "warn"), note)

    def _lines(self, columns: int, rows: int, *, unicode: bool) -> list[list[Part]]:
        return panel.lines(self.tracker, columns, rows, unicode=unicode)

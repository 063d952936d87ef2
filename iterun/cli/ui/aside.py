"""The widget of the details: the run under the cursor, when the cursor rests for a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli.ui import details
from iterun.cli.ui.painted import Bar
from iterun.errors import IterunError
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from textual.timer import Timer

    from iterun.cli.ui.work import Work
    from iterun.store.rows import Row

_REST = 0.04  #: seconds: while a key is held, only the table is drawn


class Aside(Bar):
    """Details of a run.

    Args:
        work: the thread that reads its iterations.
    """

    def __init__(self, work: Work) -> None:
        super().__init__(id="details")
        self._work = work
        self._row: Row | None = None
        self._course: tuple[Row, list[float]] | None = None
        self._soon: Timer | None = None

    def tell(self, row: Row | None) -> None:
        """Show a run, soon."""
        self._row = row
        if self._soon is not None:
            self._soon.stop()
        self._soon = self.set_timer(_REST, self._tell)

    def on_resize(self) -> None:
        """Make the lines as long as there is room."""
        self._draw()

    def _tell(self) -> None:
        self._soon = None
        self._draw()
        row = self._row
        if row is not None and self.display and (self._drawn() is None or row.state == RUNNING):
            self.run_worker(self._read(row), exclusive=True)

    async def _read(self, row: Row) -> None:
        try:
            self._course = row, await self._work.off(lambda: details.course(row))
        except (IterunError, OSError):
            self._course = row, []  # the page of the run tells what is wrong
        self._draw()

    def _drawn(self) -> list[float] | None:
        """The course of the run, if it is read."""
        return self._course[1] if self._course and self._course[0] is self._row else None

    def _draw(self) -> None:
        row, width = self._row, self.content_size.width
        self.show(details.lines(row, width, self._drawn()) if row is not None and width > 0 else [])

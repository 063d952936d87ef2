"""The table of runs: a cursor, marks, and as many rows made as are in sight."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView

from iterun.cli.console import Span
from iterun.cli.ui.listing import Listing
from iterun.cli.ui.painted import AWAY, CURSOR, strip

if TYPE_CHECKING:
    from textual import events
    from textual.strip import Strip

    from iterun.cli.ui.runs import Runs
    from iterun.store.rows import Row

_MARK, _NO_MARK = "● ", "  "


class Table(ScrollView, can_focus=True):
    """The runs that are shown.

    Args:
        runs: what it shows.
    """

    DEFAULT_CSS = """
    Table { height: 1fr; width: 1fr; overflow: hidden auto; scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False), Binding("down,j", "move(1)", show=False),
        Binding("pageup,ctrl+b", "page(-1)", show=False),
        Binding("pagedown,ctrl+f", "page(1)", show=False),
        Binding("home", "to(0)", show=False), Binding("end,G", "to(-1)", show=False),
    ]  # fmt: skip

    class Moved(Message):
        """The cursor stands on another run."""

    class HeadClicked(Message):
        """A column is to be sorted by.

        Args:
            key: what it sorts by.
        """

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self.runs = runs
        self.cursor = 0
        self.empty = ""  #: said where there are no rows
        self._at: str | None = None  #: the run under the cursor
        self._listing = Listing([], runs.sort, time.time)

    @property
    def row(self) -> Row | None:
        """The run under the cursor."""
        shown = self.runs.shown
        return shown[self.cursor] if self.cursor < len(shown) else None

    def show(self, *, to_top: bool = False) -> None:
        """Draw what is shown now; the cursor stays on its run where that is still there.

        Args:
            to_top: the cursor goes to the first run instead.
        """
        self._listing = Listing(self.runs.shown, self.runs.sort, time.time)
        self._listing.fit(self._room)
        self.virtual_size = Size(0, len(self.runs.shown) + 1)
        found = None if to_top or self._at is None else self.runs.position(self._at)
        self._go(0 if to_top else self.cursor if found is None else found, all_rows=True)

    def action_move(self, by: int) -> None:
        """Move the cursor by so many runs."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by so many screens."""
        self._go(self.cursor + by * max(self.size.height - 2, 1))

    def action_to(self, k: int) -> None:
        """Put the cursor on a run; -1: the last one."""
        self._go(k if k >= 0 else len(self.runs.shown) - 1)

    def on_resize(self) -> None:
        """Choose the columns that fit."""
        self._listing.fit(self._room)
        self._go(self.cursor, all_rows=True)

    def on_click(self, event: events.Click) -> None:
        """A run, or the head of a column."""
        if event.y == 0:
            if key := self._listing.key_at(event.x - len(_NO_MARK)):
                self.post_message(self.HeadClicked(key))
        elif (k := round(self.scroll_offset.y) + event.y - 1) < len(self.runs.shown):
            self._go(k)

    def render_line(self, y: int) -> Strip:
        """The head, or a run."""
        cells = self.size.width
        self._listing.fit(self._room)  # a scroll bar may have come
        if y == 0:
            return strip([Span(_NO_MARK), *self._listing.heads()], cells)
        k = round(self.scroll_offset.y) + y - 1
        rows = self._listing.rows
        if k >= len(rows):
            said = [Span(f"  {self.empty}", "dim")] if y == 1 and not rows else []
            return strip(said, cells)
        mark = Span(_MARK, "warn") if self.runs.is_marked(rows[k]) else Span(_NO_MARK)
        over = None if k != self.cursor else CURSOR if self.has_focus else AWAY
        return strip([mark, *self._listing.line(k)], cells, over)

    @property
    def _room(self) -> int:
        return max(self.size.width - len(_NO_MARK), 10)

    def _go(self, k: int, *, all_rows: bool = False) -> None:
        n, before = len(self.runs.shown), self.cursor
        self.cursor = min(max(k, 0), max(n - 1, 0))
        self._at = row.place if (row := self.row) else None
        top, height = round(self.scroll_offset.y), max(self.size.height - 1, 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)
        elif not all_rows:
            for row_y in {before - top + 1, self.cursor - top + 1}:
                self.refresh(Region(0, row_y, self.size.width, 1))
        if all_rows:
            self.refresh()
        self.post_message(self.Moved())

"""The screen with the table: filter above, details beside or below, keys at the bottom."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import Screen

from iterun.cli.figures import count
from iterun.cli.text import clean
from iterun.cli.ui import keys
from iterun.cli.ui.aside import Aside
from iterun.cli.ui.choose import Choose
from iterun.cli.ui.filter_line import FilterLine
from iterun.cli.ui.page import ComparePage, HelpPage, PlotPage, RunPage, bindings
from iterun.cli.ui.painted import Bar
from iterun.cli.ui.prompt import Ask, Question
from iterun.cli.ui.runs import Sort
from iterun.cli.ui.status import Status
from iterun.cli.ui.table import Table
from iterun.cli.ui.writing import Writing
from iterun.errors import IterunError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from textual.app import ComposeResult

    from iterun.cli.ui.runs import Runs
    from iterun.cli.ui.work import Work
    from iterun.store.rows import Row

_EVERY = 2.0  #: seconds between two looks while a run goes on, or none is there
_SELDOM = 5  #: as many times less often while none does: others may begin
_WIDE = 120  #: cells from which details stand beside the table
_LOW = 16  #: rows below which there are none
_SIDE = 0.34  #: share of the details beside the table
_SIDE_CELLS = (44, 72)


class Browser(Screen[None]):
    """All runs of a folder.

    Args:
        runs: what is shown.
        work: the thread that reads.
        first: the first look, which may have begun already.
        text: the filter to begin with.
    """

    DEFAULT_CSS = """
    Browser { layout: vertical; }
    Browser #middle { height: 1fr; layout: vertical; }
    Browser #middle.-wide { layout: horizontal; }
    Browser #details { height: 9; border-top: solid ansi_bright_black; }
    Browser .-wide #details { height: 1fr; border-top: none;
        border-left: solid ansi_bright_black; padding: 0 0 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(keys.TABLE), Binding("tab", "filter", show=False),
    ]  # fmt: skip
    AUTO_FOCUS = "Table"

    def __init__(self, runs: Runs, work: Work, first: Future[list[Row]], text: str) -> None:
        super().__init__()
        self.runs, self.work = runs, work
        self._first = first
        self._text = text
        self._writing = Writing(self)
        self._ticks = 0
        self._is_reading = False

    @property
    def _status(self) -> Status:
        return self.query_one(Status)

    def compose(self) -> ComposeResult:
        """Filter, table, details, what was done, keys."""
        yield FilterLine(self._text, self._filter, self.to_table)
        yield Status()
        with Vertical(id="middle"):
            yield Table(self.runs)
            yield Aside(self.work)
        yield Ask()
        yield Question()
        yield Bar(id="keys")

    async def on_mount(self) -> None:
        """Show the first look, then look again from time to time."""
        rows = await asyncio.wrap_future(self._first)
        self.runs.take(rows)
        self.query_one(FilterLine).hold(self._text)
        self.set_interval(_EVERY, self._tick)

    def on_resize(self) -> None:
        """Put the details where there is room."""
        width, height = self.size
        is_wide = width >= _WIDE
        beside, lines = self.query_one(Aside), keys.footer(keys.TABLE, width, height)
        self.query_one("#middle").set_class(is_wide, "-wide")
        least, most = _SIDE_CELLS
        beside.styles.width = min(max(round(width * _SIDE), least), most) if is_wide else "1fr"
        beside.styles.height = "1fr" if is_wide else max(7, height // 3)
        beside.display = is_wide or height >= _LOW
        below = self.query_one("#keys", Bar)
        below.styles.height = len(lines)
        below.show(lines)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:
        """No key is a command while something is asked: it was typed ahead of the question."""
        is_asked = self.query_one(Question).display or self.query_one(Ask).display
        return action == "app.quit" or not is_asked

    # -- the filter -----------------------------------------------------------------------------

    def action_filter(self) -> None:
        """Type a filter."""
        self.query_one(FilterLine).begin()

    def to_table(self) -> None:
        """Give the keys to the table."""
        self.set_focus(self.query_one(Table))

    def _filter(self, text: str) -> bool:
        """Show what fits; a fault is told, and all stays as it was."""
        try:
            self.runs.filter(text)
        except IterunError as error:
            self._status.fault(error)
            return False
        self._show()
        return True

    # -- marks, order ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark the run under the cursor, or not, and go on to the next one."""
        table = self.query_one(Table)
        if row := table.row:
            (self.runs.unmark if self.runs.is_marked(row) else self.runs.mark)([row])
            table.action_move(1)
            self._status.counts(self.runs)

    def action_mark_all(self) -> None:
        """Mark all that are shown."""
        self.runs.mark(self.runs.shown)
        self._marks_changed()

    def action_unmark(self) -> None:
        """Take all marks away."""
        self.runs.unmark()
        self._marks_changed()

    def action_sort(self) -> None:
        """Choose what runs are sorted by."""

        def take(chosen: str | None) -> None:
            if chosen:
                self._sort(self.runs.best_first(chosen))

        self.app.push_screen(Choose("sort by", self.runs.keys(), self.runs.sort.key), take)

    def action_turn(self) -> None:
        """Turn the order around."""
        self._sort(Sort(self.runs.sort.key, not self.runs.sort.descending))

    def on_table_head_clicked(self, event: Table.HeadClicked) -> None:
        """Sort by a column, or turn it around."""
        if event.key == self.runs.sort.key:
            self.action_turn()
        else:
            self._sort(self.runs.best_first(event.key))

    def _sort(self, sort: Sort) -> None:
        self.runs.sort_by(sort)
        self.query_one(Table).show(to_top=True)
        self._status.counts(self.runs)

    def _marks_changed(self) -> None:
        self.query_one(Table).refresh()
        self._status.counts(self.runs)

    # -- pages ----------------------------------------------------------------------------------

    def action_open(self) -> None:
        """The run under the cursor, whole."""
        if row := self.query_one(Table).row:
            self.app.push_screen(RunPage(self.work, row, self.runs.outputs, self._step))

    def action_plot(self) -> None:
        """Curves of the marked runs."""
        if rows := self._meant():
            self.app.push_screen(PlotPage(self.work, rows))

    def action_compare(self) -> None:
        """The marked runs side by side, else all that are shown."""
        if rows := self.runs.marked or self.runs.shown:
            self.app.push_screen(ComparePage(self.work, rows, self.query_one(Table).row))

    def action_help(self) -> None:
        """All keys."""
        self.app.push_screen(HelpPage(self.work))

    def _step(self, by: int) -> Row | None:
        table = self.query_one(Table)
        table.action_move(by)
        return table.row

    def _meant(self) -> list[Row]:
        """The marked runs, else the one under the cursor."""
        row = self.query_one(Table).row
        return self.runs.marked or ([row] if row else [])

    # -- changes --------------------------------------------------------------------------------

    def action_tag(self) -> None:
        """Give and take tags."""
        if rows := self._meant():
            self._writing.tag(rows)

    def action_note(self) -> None:
        """Write a note on the run under the cursor."""
        if row := self.query_one(Table).row:
            self._writing.note(row)

    def action_trash(self) -> None:
        """Move runs to the trash, after a question."""
        if rows := self._meant():
            self._writing.trash(rows, n_hidden=self.runs.n_hidden())

    def action_restore(self) -> None:
        """Bring back what was moved to the trash last."""
        self._writing.restore()

    def action_line(self) -> None:
        """Show and copy the line that repeats the run."""
        if row := self.query_one(Table).row:
            self._writing.line(row)

    def action_reread(self) -> None:
        """Look at the folder now."""
        self.look_again("read again")

    # -- looking again --------------------------------------------------------------------------

    def _tick(self) -> None:
        self._ticks += 1
        is_live = self.runs.is_running or not self.runs.all
        if not self._is_reading and (is_live or self._ticks % _SELDOM == 0):
            self.look_again()

    def look_again(self, said: str = "") -> None:
        """Read the runs in the other thread; then `said` is what was done."""

        async def read() -> None:
            self._is_reading = True
            try:
                rows = await self.work.off(self.runs.read)
            except (IterunError, OSError) as error:
                self._status.fault(error)
                return
            finally:
                self._is_reading = False
            if self.runs.take(rows):
                self._show(is_again=True)
            if said:
                self._status.say(said)

        self.run_worker(read(), group="read")

    # -- what is said ---------------------------------------------------------------------------

    def _show(self, *, is_again: bool = False) -> None:
        """Draw the runs that are shown now."""
        table = self.query_one(Table)
        table.empty = self._why_none()
        table.show()
        if not is_again or not self._status.is_said:
            self._status.counts(self.runs)

    def _why_none(self) -> str:
        if self.runs.all:
            return f"none of {count(len(self.runs.all), 'run')} fits"
        return f"no runs yet; iterun task=prune makes one below {clean(str(self.runs.outputs))}"

    def on_table_moved(self) -> None:
        """Tell of the run under the cursor."""
        self.query_one(Aside).tell(self.query_one(Table).row)

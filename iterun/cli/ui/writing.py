"""What the keys of the table write: asked for at the bottom of the screen, then told there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli.console import Span
from iterun.cli.figures import count
from iterun.cli.ui import changes
from iterun.cli.ui.prompt import Ask, Question
from iterun.cli.ui.status import Status
from iterun.errors import IterunError
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.cli.ui.browser import Browser
    from iterun.store.rows import Row


class Writing:
    """Tags, notes, the trash and the clipboard.

    Args:
        screen: where it asks and tells.
    """

    def __init__(self, screen: Browser) -> None:
        self._screen = screen
        self._trash = changes.Trash(screen.runs.outputs)

    def tag(self, rows: Sequence[Row]) -> None:
        """Give and take tags."""
        label = f"tags of {_named(rows)}, as in best -draft:"
        self._ask(label, "", lambda text: changes.tag(rows, text))

    def note(self, row: Row) -> None:
        """Write a note on a run."""
        try:
            before = changes.note_of(row)
        except IterunError as error:
            self._status.fault(error)
        else:
            self._ask(f"note on {row.id}:", before, lambda text: changes.note(row, text))

    def trash(self, rows: Sequence[Row], *, n_hidden: int) -> None:
        """Move runs to the trash, after a question.

        Args:
            rows: the runs.
            n_hidden: how many of them the filter hides.
        """
        running = sum(row.state == RUNNING for row in rows)
        remarks = [f"{n_hidden} not shown"] * bool(n_hidden) + [f"{running} running"] * bool(
            running
        )
        aside = f" ({', '.join(remarks)})" if remarks else ""

        def answer(yes: bool) -> None:
            self._screen.to_table()
            if yes:
                self._write(lambda: self._trash.move(rows))
            else:
                self._status.say("nothing was done")

        question = self._screen.query_one(Question)
        question.ask(f"move {_named(rows)}{aside} to the trash", answer)

    def restore(self) -> None:
        """Bring back what was moved to the trash last."""
        self._write(self._trash.restore)

    def line(self, row: Row) -> None:
        """Show and copy the line that repeats a run."""
        try:
            line = changes.line_of(row)
        except IterunError as error:
            self._status.fault(error)
            return
        if line.isprintable():
            self._screen.app.copy_to_clipboard(line)
        copied = "copied: " if line.isprintable() else "not copied, it isn't plain text: "
        self._status.say(Span(copied, "good"), line)

    @property
    def _status(self) -> Status:
        return self._screen.query_one(Status)

    def _ask(self, label: str, text: str, change: Callable[[str], str]) -> None:
        ask, back = self._screen.query_one(Ask), self._screen.to_table
        ask.ask(label, text, lambda typed: self._write(lambda: change(typed)), back)

    def _write(self, change: Callable[[], str]) -> None:
        """Write something in the other thread, tell what was done, and look again."""

        async def done() -> None:
            try:
                said = await self._screen.work.off(change)
            except (IterunError, OSError) as error:
                self._status.fault(error)
                return
            self._screen.look_again(said)

        self._screen.run_worker(done(), group="change")


def _named(rows: Sequence[Row]) -> str:
    return rows[0].id if len(rows) == 1 else count(len(rows), "run")

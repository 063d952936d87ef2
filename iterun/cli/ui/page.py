"""Pages over the table: a run, a plot, a comparison, the keys. Made in another thread."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from iterun.cli.console import Span
from iterun.cli.ui import keys, pages
from iterun.cli.ui.choose import Choose
from iterun.cli.ui.painted import Bar, Pages
from iterun.cli.ui.paper import Paper
from iterun.errors import ConfigErrors, IterunError
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from textual.app import ComposeResult

    from iterun.cli.ui.keys import Key
    from iterun.cli.ui.work import Work
    from iterun.store.rows import Row

_EVERY = 2.0  #: seconds between two looks at what goes on


def bindings(given: Iterable[Key]) -> list[BindingType]:
    """The keys as textual takes them."""
    return [Binding(key.keys, key.action, key.label, show=False) for key in given]


class Page(Screen[None]):
    """A screen full of lines.

    Args:
        work: where it is made.
    """

    DEFAULT_CSS = """
    Page { layout: vertical; }
    Page #keys { dock: bottom; }
    """
    AUTO_FOCUS = "Pages"
    KEYS: ClassVar[Sequence[Key]] = ()

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def compose(self) -> ComposeResult:
        """The lines, and the keys below."""
        yield Pages()
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Look again while something goes on."""
        self.set_interval(_EVERY, self._again)

    def on_resize(self) -> None:
        """Make the page as wide as the screen."""
        bar = self.query_one("#keys", Bar)
        lines = keys.footer(self.KEYS, *self.size)
        bar.styles.height = len(lines)
        bar.show(lines)
        self.draw()

    def draw(self) -> None:
        """Make the page anew."""
        self.run_worker(self._drawn(), exclusive=True, group="page")

    def write(self, paper: Paper, height: int) -> None:
        """Write the page; in another thread."""
        raise NotImplementedError

    def goes_on(self) -> bool:
        """Whether the page changes by itself."""
        return False

    def action_again(self) -> None:
        """Look again."""
        self.draw()

    def action_back(self) -> None:
        """Back to the table."""
        self.dismiss()

    async def _drawn(self) -> None:
        height = self.size.height - len(keys.footer(self.KEYS, *self.size))
        paper = Paper(max(self.size.width - 2, 20))
        try:
            await self.work.off(lambda: self.write(paper, height))
        except (IterunError, OSError) as error:
            fault(paper, error)
        self.query_one(Pages).show(paper.lines)

    def _again(self) -> None:
        if self.is_current and self.goes_on():
            self.draw()


def fault(paper: Paper, error: IterunError | OSError) -> None:
    """Say what went wrong."""
    errors = error.errors if isinstance(error, ConfigErrors) else (error,)
    for one in errors:
        paper.line(Span("error", "alarm"))
        paper.prose(one.message if isinstance(one, IterunError) else str(one), indent="  ")
        if isinstance(one, IterunError) and one.hint:
            paper.prose(one.hint, indent="  ", style="accent")


class RunPage(Page):
    """A run whole, its iterations, its log."""

    KEYS = keys.SHOWN
    BINDINGS: ClassVar[list[BindingType]] = bindings(keys.SHOWN)

    def __init__(
        self, work: Work, row: Row, outputs: Path, step: Callable[[int], Row | None]
    ) -> None:
        super().__init__(work)
        self._row, self._outputs, self._step = row, outputs, step
        self._view = pages.VIEWS[0]

    def write(self, paper: Paper, height: int) -> None:
        """Write the view that is chosen."""
        pages.run(paper, self._row, self._outputs, self._view)

    def goes_on(self) -> bool:
        """Whether the run goes on."""
        return self._row.state == RUNNING

    def action_view(self) -> None:
        """Go on to the next view."""
        views = pages.VIEWS
        self._view = views[(views.index(self._view) + 1) % len(views)]
        self._from_top()

    def action_step(self, by: int) -> None:
        """Go on to another run of the table."""
        if row := self._step(by):
            self._row = row
            self._from_top()

    def _from_top(self) -> None:
        self.query_one(Pages).scroll_home(animate=False)
        self.draw()


class PlotPage(Page):
    """Curves of runs."""

    KEYS = keys.PLOTTED
    BINDINGS: ClassVar[list[BindingType]] = bindings(keys.PLOTTED)

    def __init__(self, work: Work, rows: Sequence[Row]) -> None:
        super().__init__(work)
        self._rows = rows
        self._how = pages.Drawing()

    def write(self, paper: Paper, height: int) -> None:
        """Draw the curves."""
        pages.plot(paper, self._rows, self._how, height)

    def goes_on(self) -> bool:
        """Whether one of the runs goes on."""
        return any(row.state == RUNNING for row in self._rows)

    def action_log_y(self) -> None:
        """Turn the logarithmic y axis on or off."""
        self._change(log_y=not self._how.log_y)

    def action_log_x(self) -> None:
        """Turn the logarithmic x axis on or off."""
        self._change(log_x=not self._how.log_x)

    def action_each(self) -> None:
        """Draw each run, or means over seeds."""
        self._change(each=not self._how.each)

    def action_across(self) -> None:
        """Over iterations or seconds."""
        self._change(x="seconds" if self._how.x == "iteration" else "iteration")

    def action_metric(self) -> None:
        """Choose what is plotted."""

        def take(chosen: str | None) -> None:
            if chosen:
                self._change(metrics=(chosen,))

        self.app.push_screen(Choose("metric", pages.metrics(self._rows)), take)

    def _change(self, **changes: Any) -> None:
        self._how = replace(self._how, **changes)
        self.draw()


class ComparePage(Page):
    """Settings side by side."""

    KEYS = keys.COMPARED
    BINDINGS: ClassVar[list[BindingType]] = bindings(keys.COMPARED)

    def __init__(self, work: Work, rows: Sequence[Row], at: Row | None) -> None:
        super().__init__(work)
        self._rows, self._at = rows, at
        self._how = pages.Comparing()

    def write(self, paper: Paper, height: int) -> None:
        """Draw the tables."""
        pages.compare(paper, self._rows, self._how)

    def action_group(self) -> None:
        """Settings, or every run by itself."""
        self._change(grouped=not self._how.grouped)

    def action_states(self) -> None:
        """Count unfinished runs too, or not."""
        self._change(all_states=not self._how.all_states)

    def action_metric(self) -> None:
        """Every metric, or the objective."""
        self._change(metrics=() if self._how.metrics else ("all",))

    def action_baseline(self) -> None:
        """Test against the setting of the run under the cursor, or not."""
        self._change(baseline=None if self._how.baseline else self._at)

    def _change(self, **changes: Any) -> None:
        self._how = replace(self._how, **changes)
        self.draw()


class HelpPage(Page):
    """All keys."""

    KEYS = keys.HELP
    BINDINGS: ClassVar[list[BindingType]] = bindings(keys.HELP)

    def write(self, paper: Paper, height: int) -> None:
        """Write them."""
        keys.page(paper)

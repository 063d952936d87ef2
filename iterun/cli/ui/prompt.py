"""The line at the bottom: what was done, a text to type, or a question to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input

from iterun.cli.console import Span
from iterun.cli.text import clean, width
from iterun.cli.ui.painted import Bar, strip

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.strip import Strip


class Ask(Horizontal):
    """A label and a text; `enter` hands it over, `esc` leaves all as it was."""

    DEFAULT_CSS = """
    Ask { height: 1; display: none; }
    Ask Bar { width: auto; max-width: 60%; }
    Ask Input { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._take: Callable[[str], None] = lambda text: None
        self._back: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        """The label, and where one types."""
        yield Bar()
        yield Input(compact=True)

    def ask(
        self, label: str, text: str, take: Callable[[str], None], back: Callable[[], None]
    ) -> None:
        """Ask for a text.

        Args:
            label: what it is.
            text: where one begins.
            take: gets the text.
            back: takes the keys back, in any case.
        """
        self._take, self._back = take, back
        bar, line = self.query_one(Bar), self.query_one(Input)
        bar.styles.width = width(clean(label)) + 1
        bar.show([[Span(clean(label), "head")]])
        line.value = text
        self.display = True
        self.screen.set_focus(line)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the text over."""
        event.stop()
        self._end()
        self._take(event.value)

    def on_key(self, event: events.Key) -> None:
        """Leave."""
        if event.key == "escape":
            event.stop()
            self._end()

    def _end(self) -> None:
        self.display = False
        self._back()


class Question(Widget, can_focus=True):
    """A question that `y` answers with yes and any other key with no."""

    DEFAULT_CSS = "Question { height: 1; display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._answer: Callable[[bool], None] = lambda yes: None

    def ask(self, text: str, answer: Callable[[bool], None]) -> None:
        """Ask; `answer` gets what was said."""
        self._text, self._answer = clean(text), answer
        self.display = True
        self.refresh()
        self.screen.set_focus(self)

    def on_key(self, event: events.Key) -> None:
        """Take the answer."""
        event.stop()
        event.prevent_default()
        self.display = False
        self._answer(event.key in ("y", "Y"))

    def render_line(self, y: int) -> Strip:
        """The question."""
        line = [Span(f"{self._text}? ", "bold"), Span("y", "head"), Span(" yes, any other key no")]
        return strip(line, self.size.width)

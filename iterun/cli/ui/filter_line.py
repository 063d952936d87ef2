"""The line of the filter: conditions, tried as they are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.widgets import Input

from iterun.cli.console import Span
from iterun.cli.ui.painted import Bar

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

_SOON = 0.12  #: seconds until a filter that is typed is tried


class FilterLine(Horizontal):
    """A label and the text of the filter.

    Args:
        text: the filter to begin with.
        take: shows what fits a filter; whether it is one.
        back: takes the keys back.
    """

    DEFAULT_CSS = """
    FilterLine { height: 1; }
    FilterLine Bar { width: 8; }
    FilterLine Input { width: 1fr; }
    """

    def __init__(self, text: str, take: Callable[[str], bool], back: Callable[[], None]) -> None:
        super().__init__()
        self._text = text  #: of the filter that holds
        self._before = text  #: of the filter before one began to type
        self._take, self._back = take, back
        self._typing: Timer | None = None

    @property
    def is_typing(self) -> bool:
        """Whether what was typed last is still to be tried."""
        return self._typing is not None

    def compose(self) -> ComposeResult:
        """The label, and where one types."""
        yield Bar()
        yield Input(
            self._text, compact=True, select_on_focus=False,
            placeholder="/ task=prune/perp sparsity>0.5 status=failed tag=best since=2d",
        )  # fmt: skip

    def on_mount(self) -> None:
        """Show the label."""
        self.query_one(Bar).show([[Span("filter", "head")]])

    def begin(self) -> None:
        """Type a filter."""
        self._before = self._text
        self.screen.set_focus(self.query_one(Input))

    def hold(self, text: str) -> bool:
        """Have a filter hold; whether it is one."""
        self._stop_typing()
        if is_one := self._take(text):
            self._text = text
        return is_one

    def on_input_changed(self, event: Input.Changed) -> None:
        """Try the filter as far as it is typed."""
        if event.value != self._text:
            self._stop_typing()
            self._typing = self.set_timer(_SOON, lambda: self.hold(event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The filter is typed."""
        if self.hold(event.value):
            self._back()

    def on_key(self, event: events.Key) -> None:
        """Leave: esc with the filter as it was, down with the one that holds."""
        if event.key == "escape":
            self.hold(self._before)
            self.query_one(Input).value = self._before
        if event.key in ("escape", "down"):
            event.stop()
            self._back()

    def _stop_typing(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None

"""One of many names: type a part of it, or move to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from iterun.cli.console import Span
from iterun.cli.text import clean
from iterun.cli.ui.painted import Bar, Pages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

_HELP = [Span("↑ ↓", "head"), Span(" move  "), Span("enter", "head"), Span(" choose  "),
         Span("esc", "head"), Span(" back")]  # fmt: skip


class Choose(Screen[str]):
    """A list to choose from; the name, or None.

    Args:
        what: what is chosen, as a word.
        names: all there are.
        chosen: where the cursor begins.
    """

    DEFAULT_CSS = """
    Choose { layout: vertical; }
    Choose #keys { dock: bottom; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", priority=True),
        Binding("up,shift+tab", "move(-1)", priority=True),
        Binding("down,tab", "move(1)", priority=True),
        Binding("pageup", "move(-10)", priority=True),
        Binding("pagedown", "move(10)", priority=True),
    ]
    AUTO_FOCUS = "Input"

    def __init__(self, what: str, names: Sequence[str], chosen: str = "") -> None:
        super().__init__()
        self._what, self._names = what, names
        self._found = list(names)
        self._at = self._found.index(chosen) if chosen in self._found else 0

    def compose(self) -> ComposeResult:
        """A line to type in, and the names that fit."""
        yield Input(placeholder=f"{self._what}: type a part of its name", compact=True)
        yield Pages()
        yield Bar(id="keys")

    def on_mount(self) -> None:
        """Show all."""
        self.query_one(Pages).can_focus = False
        self.query_one("#keys", Bar).show([_HELP])
        self._show()

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._at = min(max(self._at + by, 0), max(len(self._found) - 1, 0))
        self._show()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Keep the names that hold what was typed."""
        asked = event.value.casefold().strip()
        found = [name for name in self._names if asked in name.casefold()]
        if found != self._found:
            self._found, self._at = found, 0
            self._show()

    def on_input_submitted(self) -> None:
        """The name under the cursor it is."""
        self.dismiss(self._found[self._at] if self._found else None)

    def _show(self) -> None:
        lines = [
            [Span("> " if k == self._at else "  ", "head"),
             Span(clean(name), "bold" if k == self._at else "")]
            for k, name in enumerate(self._found)
        ]  # fmt: skip
        shown = self.query_one(Pages)
        shown.show(lines or [[Span("  none has that in its name", "dim")]])
        top, height = round(shown.scroll_offset.y), max(shown.size.height, 1)
        if not top <= self._at < top + height:
            shown.scroll_to(y=max(self._at - height // 2, 0), animate=False, force=True)

"""Lines of spans as textual draws them, and the widgets that hold only such lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from iterun.cli.ui.paper import Line

#: the terminal's own colours, so that light and dark ones are legible
STYLES = {
    "": Style(), "bold": Style(bold=True), "dim": Style(dim=True), "good": Style(color="green"),
    "warn": Style(color="yellow"), "bad": Style(color="red"), "accent": Style(color="cyan"),
    "live": Style(color="blue"), "head": Style(bold=True, color="cyan"),
    "alarm": Style(bold=True, color="red"), "violet": Style(color="magenta"),
}  # fmt: skip
CURSOR = Style(reverse=True)
AWAY = Style(bold=True, underline=True)  #: the cursor while another widget takes the keys


def strip(line: Line, cells: int, over: Style | None = None) -> Strip:
    """A line as long as its widget; `over` is laid over all of it, without its own colours."""
    segments = [Segment(text, over or STYLES[style]) for text, style in line]
    return Strip(segments).adjust_cell_length(cells, over or STYLES[""])


class Bar(Widget):
    """Lines that do not scroll: what has no room is not seen."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these from now on."""
        self.lines = lines
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of it."""
        line = self.lines[y] if y < len(self.lines) else []
        return strip(line, self.size.width)


class Pages(ScrollView, can_focus=True):
    """Lines that scroll up and down."""

    DEFAULT_CSS = """
    Pages { height: 1fr; width: 1fr; overflow: hidden auto; scrollbar-size-vertical: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: Sequence[Line] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Draw these from now on, from the same place as before."""
        self.lines = lines
        self.virtual_size = Size(0, len(lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of what is in sight."""
        k = round(self.scroll_offset.y) + y
        return strip(self.lines[k] if k < len(self.lines) else [], self.size.width)

    def on_key(self, event: events.Key) -> None:
        """j, k and space move as in a pager."""
        if event.key in ("j", "k", "space"):
            move = {"j": self.scroll_down, "k": self.scroll_up, "space": self.scroll_page_down}
            move[event.key](animate=False)
            event.stop()

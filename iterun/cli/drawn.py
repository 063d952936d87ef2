"""A panel at the bottom of the terminal, drawn by rich, that leaves no trace of itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, Protocol

from iterun.cli.console import Screen, err

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from iterun.cli.console import Part

_A_SECOND = 5  #: drawings


class Lines(Protocol):
    """Gives what is to be drawn now."""

    def __call__(self, columns: int, rows: int, *, unicode: bool) -> list[list[Part]]:
        """At most `rows` lines of `columns` cells."""


class Panel:
    """Drawn anew several times a second by rich's thread.

    Args:
        lines: gives what is to be drawn.
    """

    def __init__(self, lines: Lines) -> None:
        self.screen: Screen = err()  #: writes above the panel while it is drawn
        self._lines = lines
        self._live: Live | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is drawn."""
        return self._live is not None

    def open(self) -> None:
        """Begin to draw; again has no effect."""
        if self._live is None:
            self._live = self._begin()

    def close(self) -> None:
        """Take the panel off the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self.screen = err()

    def _begin(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        color: Literal["standard"] | None = "standard" if self.screen.color else None
        console = Console(
            stderr=True,
            color_system=color,
            no_color=not color,
            markup=False,
            emoji=False,
            highlight=False,
        )
        live = Live(
            get_renderable=lambda: self._draw(console.width, console.height),
            console=console,
            refresh_per_second=_A_SECOND,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            vertical_overflow="crop",
        )
        live.start()
        self.screen = Above(live)
        return live

    def _draw(self, columns: int, rows: int) -> Text:
        from rich.text import Text

        screen = Screen(sys.__stderr__ or sys.stderr)
        shown = self._lines(columns - 1, rows - 2, unicode=screen.unicode)
        text = "\n".join(screen.render(*parts) for parts in shown)
        return Text.from_ansi(text, no_wrap=True, overflow="crop")


class Above(Screen):
    """What is written here appears above the panel."""

    def __init__(self, live: Live) -> None:
        super().__init__(sys.__stderr__ or sys.stderr)
        self._live = live

    def raw(self, text: str) -> None:
        """Write lines."""
        from rich.text import Text

        self._live.console.print(Text.from_ansi(text.rstrip("\n")), soft_wrap=True)

"""The live display: a panel on the terminal, drawn by rich, that leaves no trace of itself."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from iterun.cli import ending, panel, stopping
from iterun.cli.console import Screen, Span, err
from iterun.cli.tracker import Tracker
from iterun.core.progress import Event, Remark, RunEnded, RunStarted

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_A_SECOND = 5  #: drawings


class LiveDisplay:
    """Draws one run after the other; a listener."""

    def __init__(self) -> None:
        self.screen = err()
        self.tracker = Tracker()
        self._live: Live | None = self._begin()

    def __call__(self, event: Event) -> None:
        """Take in an event; the drawing is done by rich's thread."""
        if isinstance(event, RunEnded):
            self.close()
            ending.show(event.outcome, self.tracker.record)
            self.tracker = Tracker()
            return
        self.tracker.take(event)
        if self._live is None:
            self._live = self._begin()
        if isinstance(event, Remark):
            self.screen.line(Span("note: ", "warn"), event.text)
        elif isinstance(event, RunStarted):
            self._announce(event)

    def close(self) -> None:
        """Take the panel off the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None
            self.screen = err()

    def _announce(self, event: RunStarted) -> None:
        stopping.listen(self.tracker.stop)
        for parts in panel.heading(self.tracker, str(event.directory)):
            self.screen.line(*parts)
        for note in event.notes:
            self.screen.line(Span("note: ", "warn"), note)

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
        shown = panel.lines(self.tracker, columns - 1, rows - 2, unicode=screen.unicode)
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

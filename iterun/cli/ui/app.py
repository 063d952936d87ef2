"""The program around the screens: colours of the terminal, and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import App
from textual.theme import Theme

from iterun.cli.ui.browser import Browser

if TYPE_CHECKING:
    from concurrent.futures import Future

    from textual.screen import Screen

    from iterun.cli.ui.runs import Runs
    from iterun.cli.ui.work import Work
    from iterun.store.rows import Row

_THEME = Theme(
    name="iterun", ansi=True, primary="ansi_blue", secondary="ansi_cyan", warning="ansi_yellow",
    error="ansi_red", success="ansi_green", accent="ansi_cyan", foreground="ansi_default",
    background="ansi_default", surface="ansi_default", panel="ansi_default", boost="ansi_default",
    variables={
        "ansi-background": "ansi_default", "ansi-foreground": "ansi_default",
        "border-blurred": "ansi_bright_black", "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_white", "input-cursor-background": "ansi_black",
        "input-cursor-foreground": "ansi_bright_white", "input-selection-background": "ansi_blue",
        "input-selection-foreground": "ansi_black", "screen-selection-background": "ansi_blue",
        "screen-selection-foreground": "ansi_black",
    },
)  # fmt: skip


class Ui(App[None]):
    """The screen of `iterun ui`."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "iterun"

    def __init__(self, runs: Runs, work: Work, first: Future[list[Row]], text: str) -> None:
        super().__init__(ansi_color=True)
        self._browser = Browser(runs, work, first, text)
        self.register_theme(_THEME)
        self.theme = _THEME.name

    def get_default_screen(self) -> Screen[None]:
        """The table."""
        return self._browser

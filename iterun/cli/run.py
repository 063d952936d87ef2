"""A line for Hydra: which listener hears the run, and how it is called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterun.cli.console import err

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.cli.live import LiveDisplay
    from iterun.cli.sweep_live import LiveSweep
    from iterun.core.progress import Listener

_NO = ("", "0", "false", "no")


def run(words: Sequence[str], *, outputs: str | None, quiet: bool, as_json: bool) -> int:
    """Do what a line for Hydra says; the exit status.

    Raises:
        IterunError: it can't be done, for whatever reasons it has.
    """
    from iterun.launch.main import run_line

    with Displays(quiet=quiet, as_json=as_json) as displays:
        return run_line(words, displays.make, outputs)


class Displays:
    """Makes the listener that suits the stream; at the end takes off what it has drawn."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.made = 0  #: listeners, one a run
        self._live: list[LiveDisplay | LiveSweep] = []

    def make(self, mode: str) -> Callable[[Any], None]:
        """The listener of a run, or of a whole sweep.

        Args:
            mode: "run", "multirun" or "resume".
        """
        return self._of_sweep() if mode == "multirun" else self._of_run()

    def _of_sweep(self) -> Callable[[Any], None]:
        from iterun.cli import sweep

        if self.as_json:
            return sweep.JsonSweep()
        if self.quiet:
            return sweep.QuietSweep()
        if not is_lively():
            return sweep.PlainSweep()
        from iterun.cli.sweep_live import LiveSweep

        display = LiveSweep()
        self._live.append(display)
        return display

    def _of_run(self) -> Listener:
        from iterun.cli import plain

        self.made += 1
        if self.as_json:
            return plain.JsonDisplay()
        if self.quiet:
            return plain.QuietDisplay()
        if self.made > 1:
            err().line()
        if not is_lively():
            return plain.PlainDisplay()
        from iterun.cli.live import LiveDisplay

        display = LiveDisplay()
        self._live.append(display)
        return display

    def __enter__(self) -> Displays:
        return self

    def __exit__(self, *_: object) -> None:
        for display in self._live:
            display.close()


def is_lively() -> bool:
    """Whether stderr is a terminal that can be drawn on, and nobody's log."""
    if os.environ.get("CI", "").lower() not in _NO:
        return False
    return err().is_terminal and os.environ.get("TERM", "dumb") != "dumb"

"""A line for Hydra, and `iterun resume`: which listener hears the run, and how it is called."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterun.cli.console import Span, err
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.live import LiveDisplay
    from iterun.core.progress import Listener

_NO = ("", "0", "false", "no")


def run(words: Sequence[str], *, outputs: str | None, quiet: bool, as_json: bool) -> int:
    """Do what a line for Hydra says; the exit status.

    Raises:
        IterunError: it can't be done, for whatever reasons it has.
    """
    from iterun.launch.main import run_line

    with Displays(quiet=quiet, as_json=as_json) as displays:
        status = run_line(words, displays.make, outputs)
    if displays.made > 1 and not (quiet or as_json):
        screen = err()
        screen.line()
        screen.line(f"{displays.made} runs:", Span(f"  iterun ls -n {displays.made}", "accent"))
    return status


def resume(words: Sequence[str], *, outputs: str | None, quiet: bool, as_json: bool) -> int:
    """Go on with one or several runs, one after the other; the first exit status that is not 0.

    Args:
        words: runs, and settings with `=` that hold for all of them.
        outputs: the folder with the runs; None: where they are by default.
        quiet: only the directories.
        as_json: an object an event.

    Raises:
        IterunError: a run can't be found or can't go on; none after it is tried.
    """
    from iterun.store import paths
    from iterun.store.index import Index

    names = [word for word in words if "=" not in word or os.path.isdir(word)]
    overrides = [word for word in words if word not in names]
    if not names:
        raise ConfigError(
            "resume needs a run", hint="as in iterun resume @-1; `iterun ls` lists them"
        )
    with Index(paths.outputs_root(outputs)) as index:
        found = [index.resolve(name) for name in names]
    from iterun.launch.local import resume as go_on

    statuses = []
    with Displays(quiet=quiet, as_json=as_json) as displays:
        for directory, iteration in found:
            outcome = go_on(directory, overrides, displays.make, iteration)
            statuses.append(outcome.exit_status)
            if statuses[-1] > 128:  # a signal was meant for all of them
                break
    return next((status for status in statuses if status), 0)


class Displays:
    """Makes the listener that suits the stream; at the end takes off what it has drawn."""

    def __init__(self, *, quiet: bool, as_json: bool) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.made = 0  #: listeners, one a run
        self._live: list[LiveDisplay] = []

    def make(self, mode: str) -> Listener:
        """The listener of a run.

        Args:
            mode: "run", "multirun" or "resume".
        """
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

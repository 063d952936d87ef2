"""`iterun ui`: what it needs, and the first look while textual is being imported."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from typing import TYPE_CHECKING

from iterun.cli.ui.runs import Runs
from iterun.cli.ui.work import Work
from iterun.errors import ConfigError, UnavailableError
from iterun.store import filters, paths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.ui.app import Ui

_SWITCH = 0.001  #: seconds that the other thread may keep a key waiting at a time


def show(words: Sequence[str], *, outputs: str | None) -> int:
    """Show the screen until it is left; the exit status.

    Args:
        words: the filter to begin with.
        outputs: the folder with the runs; None: where they are by default.

    Raises:
        ConfigError: there is no terminal, or a word is no condition.
        UnavailableError: textual isn't installed.
    """
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not all(stream.isatty() for stream in streams) or os.environ.get("TERM") == "dumb":
        raise ConfigError(
            "ui is a screen, and this is no terminal",
            hint="iterun ls, iterun plot and iterun compare write what can be piped",
        )
    filters.parse(words)
    runs, work = Runs(paths.outputs_root(outputs)), Work()
    first = work.pool.submit(runs.read)
    first.add_done_callback(lambda _: gc.freeze())  # nor be looked at by the collector at each key
    kind = _kind()
    sys.setswitchinterval(_SWITCH)
    try:
        ui = kind(runs, work, first, shlex.join(words))
        ui.run()
    finally:
        work.close()
    return ui.return_code or 0


def _kind() -> type[Ui]:
    """The program, imported.

    Raises:
        UnavailableError: textual isn't installed.
    """
    try:
        from iterun.cli.ui.app import Ui
    except ImportError as error:
        if (error.name or "").split(".")[0] != "textual":
            raise
        raise UnavailableError(
            f"ui needs textual: {error}", hint='pip install "iterun[ui]"'
        ) from error
    return Ui

"""`iterun resume`: runs that go on, one after the other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterun.cli.run import Displays
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence


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

"""A recorded run gone through again, from its beginning or a checkpoint, in another folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.core import runner
from iterun.launch import recorded
from iterun.launch.assembled import assembled
from iterun.store import copy

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.core.job import Outcome, Replay
    from iterun.core.progress import Listener
    from iterun.store.reader import RunView
    from iterun.types import Placement

_ONE = {"last": 1, "best": 0}  # checkpoint of those that are kept: the one at the end


def replay(
    view: RunView,
    folder: Path,
    *,
    after: int,
    until: Replay,
    last: int,
    place: Placement,
    listener: Listener,
) -> Outcome:
    """Go through a run again, with its own settings and none of its stop rules.

    Args:
        view: the run.
        folder: without lines and checkpoints; becomes a run directory.
        after: the iteration to go on from, with a checkpoint taken right after it; -1: none.
        until: when to end.
        last: the last iteration that is wanted, for displays.
        place: where to compute.
        listener: hears all that happens.

    Raises:
        ConfigError: what it needs isn't there any more.
        StoreError: the checkpoint or something it refers to can't be read.
        DiskError: no room.
    """
    record, config = view.record, recorded.whole(view.config, view.record)
    if after >= 0:
        copy.prefix(view.directory, after, folder)
    copy.write_record(folder, record=record, config=config)
    job = assembled(
        recorded.procedure(config), config, record=record, directory=folder, place=place
    )
    job.stop, job.checkpoint = {"iterations": last}, _ONE
    job.listener, job.resume_from, job.replay = listener, after, until
    return runner.run(job)

"""Repairs of a run directory that lose nothing: what is in the way is moved aside."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterun.errors import StoreError
from iterun.store import checkpoint, claim, cut, disk, paths
from iterun.store.reader import RunView
from iterun.store.schema import INTERRUPTED, LOST, Status, encode

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.inspection import Fault


def mend(directory: Path, fault: Fault) -> str:
    """Repair one fault while nobody may resume the run; what was done, as a phrase.

    Raises:
        StoreError: the run goes on, or the repair would have to guess.
        DiskError: no room, or not allowed to write.
    """
    with disk.disk_errors(directory), claim.hold(directory):
        done = _mend(directory, fault)
    disk.touch(directory.parent)  # tells the index to look at finished runs again
    return done


def _mend(directory: Path, fault: Fault) -> str:
    if fault.mend == "set aside":
        return _set_aside(directory, fault.name)
    if fault.mend == "say interrupted":
        return _say_interrupted(directory)
    if fault.mend == "cut lines":
        return _cut_lines(directory)
    if fault.mend == "checkpoint aside":
        attempt = _status(directory).attempt
        checkpoint.set_aside(directory, fault.number, attempt)
        return f"moved to {paths.CHECKPOINTS}/{paths.dropped_folder(attempt)}"
    if fault.mend == "clean":
        disk.clean(directory)
        return "removed, or put back what was being replaced"
    raise StoreError(f"{directory}: {fault.text}", hint=fault.remedy)


def _set_aside(directory: Path, name: str) -> str:
    """Give a file a name that says what it was; a later one never replaces an earlier one."""
    stem, _, suffix = name.rpartition(".")
    number = 1
    while os.path.lexists(directory / f"{stem}.dropped-{number}.{suffix}"):
        number += 1
    aside = directory / f"{stem}.dropped-{number}.{suffix}"
    os.rename(directory / name, aside)
    return f"moved to {aside.name}"


def _say_interrupted(directory: Path) -> str:
    status = _status(directory)
    status.state, status.reason = INTERRUPTED, LOST
    data = encode(status.to_json()) + b"\n"
    disk.write_beside(directory / paths.STATUS, data, durable=True)
    return "its status says interrupted now"


def _cut_lines(directory: Path) -> str:
    """Move the torn end of the lines aside, as a resume does."""
    last = max((line.i for line in RunView(directory).iterations()), default=-1)
    dropped = paths.dropped_lines(_status(directory).attempt)
    disk.refuse_links(directory, directory / dropped)
    cut.cut_after(directory / paths.ITERATIONS, last, directory / dropped)
    return f"moved to {dropped}"


def _status(directory: Path) -> Status:
    try:
        return RunView(directory).status
    except StoreError:
        return Status(state=LOST)

"""Jobs of a sweep that were done before it was asked for again: nobody is to be asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import StoreError
from iterun.launch import existing
from iterun.store import sweeps
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from iterun.launch.sweep import Asked
    from iterun.store.sweeps import JobRecord


def done_before(folder: Path, job: Asked) -> JobRecord | None:
    """The record of a job whose run is complete; None: it is to be done.

    Args:
        folder: the sweep's; it is used again only for the same line.
        job: its number and settings.
    """
    record = sweeps.read_job(folder, job.number)
    if record is None or record.directory is None or not _is_same(record, job):
        return None
    try:
        state = RunView(Path(record.directory)).state
    except StoreError:
        return None
    if state not in existing.DONE or record.state != state:
        return None
    record.note = "exists"
    return record


def _is_same(record: JobRecord, job: Asked) -> bool:
    """Whether the settings are, but what is to be done with runs that there are."""
    before, now = (
        [word for word in words if not word.startswith("on_existing=")]
        for words in (record.overrides, job.overrides)
    )
    return before == now

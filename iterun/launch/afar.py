"""Jobs on other machines: they send nothing while they run; what they write says how they do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import StoreError
from iterun.launch import existing
from iterun.launch.follow import Follow
from iterun.store import sweeps
from iterun.store.reader import RunView
from iterun.store.sweeps import WAITING, JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterun.launch.account import Account
    from iterun.launch.sweep import Asked


class Afar:
    """Tells of jobs as they begin and get on.

    Args:
        folder: the sweep's.
        account: hears of it.
    """

    def __init__(self, folder: Path, account: Account) -> None:
        self._folder = folder
        self._account = account
        self._follow = Follow(folder, account.told)
        self._begun: set[int] = set()
        self._seen: dict[str, int] = {}

    def look(self, jobs: Mapping[int, Asked]) -> list[JobRecord]:
        """Tell what is new; the records that jobs have written since the last look."""
        found = []
        for number in self._changed():
            record = sweeps.read_job(self._folder, number) if number in jobs else None
            if record is None or record.state == WAITING:
                continue
            if number not in self._begun:
                self._begun.add(number)
                self._account.started(jobs[number])
                self._follow.begin(number)
            found.append(record)
        self._follow.look()
        return found

    def end(self, number: int) -> None:
        """A job has ended."""
        self._follow.end(number)

    def _changed(self) -> list[int]:
        """The numbers of jobs whose files are new."""
        found = []
        with os.scandir(self._folder / sweeps.JOBS) as entries:
            for entry in entries:
                name, _, kind = entry.name.partition(".")
                if kind != "json" or not name.isdecimal():
                    continue
                at = entry.stat().st_mtime_ns
                if self._seen.get(name) != at:
                    self._seen[name] = at
                    found.append(int(name))
        return sorted(found)


def last_record(folder: Path, job: Asked) -> JobRecord:
    """What a job wrote last."""
    found = sweeps.read_job(folder, job.number)
    return found or JobRecord(number=job.number, overrides=list(job.overrides))


def state_of(record: JobRecord) -> str | None:
    """How the run of a job stands by its own directory; None: there is none."""
    if record.directory is None:
        return None
    try:
        return RunView(Path(record.directory)).state
    except StoreError:
        return None


def forget(folder: Path, jobs: Iterable[Asked]) -> None:
    """Say that jobs wait: what an attempt before this one left is no answer any more.

    Raises:
        DiskError: the folder can't be written.
    """
    for job in jobs:
        sweeps.write_job(folder, JobRecord(number=job.number, overrides=list(job.overrides)))


def done_before(folder: Path, job: Asked) -> JobRecord | None:
    """The record of a job whose run is complete; None: it is to be done.

    Args:
        folder: the sweep's; it is used again only for the same line.
        job: its number and settings.
    """
    record = sweeps.read_job(folder, job.number)
    if record is None or not _is_same(record, job):
        return None
    state = state_of(record)
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

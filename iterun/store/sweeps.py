"""What was asked for together: outputs/.sweeps/<id>/, and how each of its jobs stands.

    sweep.json      written when the first job is about to start: the line, who runs it
    jobs/7.json     job 7, written when its run has started, and again when it has ended
    code.patch      the working tree's difference from the commit, if there is one

The runs themselves are runs like any other and stand elsewhere. A job that found its run done
already names that one, so that the jobs of a sweep and the runs whose run.json names the sweep are
not always the same.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from iterun.errors import StoreError
from iterun.store import disk, paths
from iterun.store import patch as code
from iterun.store.schema import Record, decode, encode

if TYPE_CHECKING:
    from pathlib import Path

R = TypeVar("R", bound=Record)

SWEEP = "sweep.json"
JOBS = "jobs"
REFUSED = "refused"  #: state of a job that was no run: its config or its model can't be used
SUBMITTED = "submitted"  #: note of a job that is on a cluster, where nobody waits for it
WAITING = "waiting"  #: state of a job that was not begun when the sweep ended
#: states of jobs after which there is nothing left to do; `running`: in another process
GOOD = ("completed", "running")


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class SweepRecord(Record):
    """sweep.json."""

    id: str
    created: str  #: ISO 8601, local time with zone
    command: list[str] = field(default_factory=list)  #: as typed, "iterun" in front
    overrides: list[str] = field(default_factory=list)  #: settings with all their values
    hydra: list[str] = field(default_factory=list)  #: settings of Hydra's own node
    flags: list[str] = field(default_factory=list)  #: --config-dir and the like
    jobs: int = 0  #: asked for up to now; a search asks for more as it goes
    launcher: str = ""
    sweeper: str = ""
    git: dict[str, Any] | None = None  #: {commit, dirty}
    cwd: str = ""
    pid: int = 0
    host: str = ""
    boot_id: str = ""
    start_ticks: int = 0
    state: str = "running"  #: or completed, failed (a job is), interrupted


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class JobRecord(Record):
    """jobs/N.json, and what a job gives back to who launched it: plain, small, picklable."""

    number: int
    overrides: list[str] = field(default_factory=list)  #: that make this job, without Hydra's own
    state: str = WAITING  #: of the run; or refused, waiting
    exit_status: int = 0
    run: str | None = None  #: id
    directory: str | None = None
    note: str | None = None
    """"exists" (done before), "resumed", "alive" (another process has it), "submitted"."""
    reason: str | None = None  #: the stop rule, the signal, the metric that diverged
    error: str | None = None  #: one sentence, and a hint on a line of its own
    objective: float | None = None  #: the last value of the task's objective
    best: float | None = None  #: the best one
    metrics: dict[str, float] = field(default_factory=dict)  #: the last value of each
    iterations: int = 0
    length: int | None = None  #: iterations in all, if known
    seconds: float = 0.0  #: of this attempt, all that the job cost

    @property
    def is_good(self) -> bool:
        """Whether the job is done, or another process does it."""
        return self.state in GOOD


def write(folder: Path, record: SweepRecord, patch: str | None = None) -> None:
    """Write sweep.json, and the patch beside it.

    Raises:
        DiskError: the folder can't be written.
    """
    with disk.disk_errors(folder):
        (folder / JOBS).mkdir(parents=True, exist_ok=True)
    if patch is not None:
        code.write(folder, patch)
    disk.write_beside(folder / SWEEP, encode(record.to_json()) + b"\n", durable=False)


def read(folder: Path) -> SweepRecord:
    """Read sweep.json.

    Raises:
        StoreError: there is none, or it can't be read.
    """
    return _read(SweepRecord, folder / SWEEP)


def write_job(folder: Path, job: JobRecord) -> None:
    """Say how a job stands.

    Raises:
        DiskError: the folder can't be written.
    """
    path = folder / JOBS / f"{job.number}.json"
    disk.write_beside(path, encode(job.to_json()) + b"\n", durable=False)


def read_job(folder: Path, number: int) -> JobRecord | None:
    """How a job stands; None: it has not begun, or what it wrote can't be read."""
    with contextlib.suppress(StoreError):
        return _read(JobRecord, folder / JOBS / f"{number}.json")
    return None


def jobs(folder: Path) -> list[JobRecord]:
    """All jobs that began, in order."""
    try:
        names = os.listdir(folder / JOBS)
    except OSError:
        return []
    numbers = sorted(int(n[:-5]) for n in names if n.endswith(".json") and n[:-5].isdecimal())
    found = (read_job(folder, number) for number in numbers)
    return [job for job in found if job is not None]


def all_sweeps(outputs: Path) -> list[Path]:
    """The folders of all sweeps below `outputs`, newest first by name."""
    try:
        names = os.listdir(outputs / paths.SWEEPS)
    except OSError:
        return []
    folders = (outputs / paths.SWEEPS / name for name in sorted(names, reverse=True))
    return [folder for folder in folders if (folder / SWEEP).is_file()]


def _read(kind: type[R], path: Path) -> R:
    try:
        return kind.from_json(decode(disk.read_small(path)))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} can't be read: {error}", hint="the runs stand without it: iterun ls"
        ) from error

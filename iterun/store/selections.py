"""What a sweep evaluates: outputs/.sweeps/<id>/select.json, beside the sweep's own files.

A setting was chosen by its score on tuning seeds; the runs of this sweep are its evaluation on
fresh ones. The record says which runs it was chosen by, so that nobody takes that score for the
result, and so that the same choice is evaluated once.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from iterun.store import disk, paths, sweeps
from iterun.store.schema import Record, decode, encode

SELECT = "select.json"
TAG = "evaluation"  #: that every run of an evaluation bears


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class Selection(Record):
    """select.json: one setting, and what it was chosen by."""

    system: str
    signature: str  #: of the setting as it was tuned
    label: str  #: what tells it apart among those it was chosen from
    role: str  #: "chosen" or "baseline"
    rank: int = 1  #: among the settings, by the tuning score; 0: a baseline from outside
    metric: str
    goal: str  #: min or max
    among: int = 0  #: how many settings there were to choose from
    tuning_seeds: list[int] = field(default_factory=list)
    tuning_runs: list[str] = field(default_factory=list)  #: ids of this setting's
    tuning_sweeps: list[str] = field(default_factory=list)  #: ids; empty: runs by themselves
    asked: list[str] = field(default_factory=list)  #: the words that picked them
    seeds: list[int] = field(default_factory=list)  #: fresh ones
    changes: list[str] = field(default_factory=list)  #: what else differs: "data=wikitext2"
    command: list[str] = field(default_factory=list)  #: the line of the evaluation

    @property
    def key(self) -> str:
        """The same for the same evaluation: a setting, its seeds, and what else differs."""
        parts = [self.system, self.signature, sorted(self.seeds), sorted(self.changes)]
        return hashlib.sha256(encode(parts)).hexdigest()[:16]


def write(folder: Path, selection: Selection) -> None:
    """Write select.json.

    Raises:
        DiskError: the folder can't be written.
    """
    with disk.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    disk.write_beside(folder / SELECT, encode(selection.to_json()) + b"\n", durable=False)


def discard(folder: Path) -> None:
    """Take back the record of an evaluation that could not begin."""
    with contextlib.suppress(OSError):
        if not (folder / sweeps.SWEEP).exists():
            (folder / SELECT).unlink()
            folder.rmdir()


def read(folder: Path) -> Selection | None:
    """What a sweep evaluates; None: nothing, or it can't be read."""
    with contextlib.suppress(OSError, ValueError):
        return Selection.from_json(decode(disk.read_small(folder / SELECT)))
    return None


def find(outputs: Path, key: str) -> Path | None:
    """The folder of the evaluation with this key, the newest."""
    for path in sorted((outputs / paths.SWEEPS).glob(f"*/{SELECT}"), reverse=True):
        selection = read(path.parent)
        if selection is not None and selection.key == key:
            return path.parent
    return None


def runs(folder: Path) -> list[Path]:
    """The run directories of an evaluation that are there.

    Raises:
        StoreError: one can't be read.
    """
    found = [Path(job.directory) for job in sweeps.jobs(folder) if job.directory]
    return [path for path in found if (path / paths.RUN).is_file()]

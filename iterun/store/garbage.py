"""What lies in run directories and beside them, and is needed by nothing: found, then removed.

Every look gives the same pieces, so that a trial run tells what a real one sets free. A piece is
a file or a folder that was reached without following a link.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from iterun.errors import StoreError
from iterun.store import checkpoint, claim, copy, disk, paths, process, trash, trees

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

Kind = Literal["checkpoints", "orphans", "leftovers", "dropped", "sweeps", "trash"]
KINDS: tuple[Kind, ...] = ("checkpoints", "orphans", "leftovers", "sweeps", "dropped", "trash")
_DROPPED = re.compile(r"\.dropped-\d+|[a-z]+\.dropped-\d+\.jsonl?")
_MADE_BY_SWEEPS = {  # what says how a sweep went; anything else in its folder keeps it
    "sweep.json", "jobs", "multirun.yaml", "code.patch", ".hydra",
}  # fmt: skip
_QUIET = 3600.0  #: seconds after which a sweep without runs counts as one that came to nothing


@dataclass(frozen=True)
class Piece:
    """One thing that may go."""

    kind: Kind
    path: Path
    bytes: int


def of_run(directory: Path, gone: Collection[int], *, now: float) -> Iterator[Piece]:
    """What a run can do without.

    Args:
        directory: of a run that does not go on just now.
        gone: its checkpoints that may go.
        now: seconds since the epoch; what was changed within a minute is somebody's work.

    Raises:
        StoreError: a checkpoint that stays can't be read: nobody knows what it needs.
    """
    for i in sorted(gone):
        path = directory / paths.CHECKPOINTS / paths.iteration_folder(i)
        yield Piece("checkpoints", path, trees.size(path))
    yield from _loose(directory, gone, now)
    yield from _orphans(directory, gone)


def _orphans(directory: Path, gone: Collection[int]) -> Iterator[Piece]:
    """Blobs, and artifacts put aside, that only checkpoints which go refer to, or none."""
    found = list(checkpoint.stored(directory))
    if not found:
        return
    used: set[str] = set()
    for i in checkpoint.available(directory):
        if i not in gone:
            used |= checkpoint.contents(directory, i)
    for path in found:
        if path.name.removesuffix(".safetensors") not in used and path.name[0] != ".":
            yield Piece("orphans", path, trees.size(path))


def _loose(directory: Path, gone: Collection[int], now: float) -> Iterator[Piece]:
    """What a writer that is dead left half written, and what resumes gave up."""
    root = os.path.join(directory, paths.CHECKPOINTS)
    inside = [os.path.join(root, paths.iteration_folder(i), "") for i in gone]
    for entry in trees.walk(directory):
        if any(entry.path.startswith(folder) for folder in inside):
            continue
        kind = _kind(directory, entry, now)
        if kind is not None:
            inside.append(f"{entry.path}{os.sep}")
            yield Piece(kind, Path(entry.path), trees.size(entry.path))


def _kind(directory: Path, entry: os.DirEntry[str], now: float) -> Kind | None:
    name, above = entry.name, os.path.dirname(entry.path)
    if _DROPPED.fullmatch(name):
        places = (paths.CHECKPOINTS, paths.ARTIFACTS) if name.startswith(".") else ("",)
        return "dropped" if Path(above) in {directory / place for place in places} else None
    if not name.startswith((paths.PART, paths.OLD, paths.CLAIM)):
        return None
    if name.startswith(paths.CLAIM) and above != os.fspath(directory):
        return None
    if name.startswith(paths.OLD) and not os.path.lexists(_without_old(entry)):
        return None  # a killed writer was just replacing it: the next resume puts it back
    with contextlib.suppress(OSError):
        if now - entry.stat(follow_symlinks=False).st_mtime > process.STALE:
            return "leftovers"
    return None


def _without_old(entry: os.DirEntry[str]) -> str:
    return os.path.join(os.path.dirname(entry.path), entry.name.removeprefix(paths.OLD))


def of_folder(
    outputs: Path, *, sweeps: Collection[str], no_runs: Collection[Path], now: float
) -> Iterator[Piece]:
    """What lies beside the runs; of the trash only entries that lost their run.

    Args:
        outputs: the folder with the runs.
        sweeps: ids of those that a run belongs to.
        no_runs: folders in a run's place that hold none.
        now: seconds since the epoch.
    """
    for path in no_runs:
        with contextlib.suppress(OSError):
            if now - os.lstat(path).st_mtime > process.STALE and claim.is_left(path):
                yield Piece("leftovers", path, trees.size(path))
    for path in _half_made(outputs):
        if copy.is_abandoned(path):
            yield Piece("leftovers", path, trees.size(path))
    removed = trash.listed(outputs)
    used = {*sweeps, *(sweep for one in removed if (sweep := one.record.sweep))}
    for path in _folders(outputs / paths.SWEEPS):
        if _came_to_nothing(path, used, now):
            yield Piece("sweeps", path, trees.size(path))
    known = {one.entry for one in removed}
    for path in _folders(outputs / paths.TRASH):
        if path not in known and _is_bare(path, now):
            yield Piece("leftovers", path, trees.size(path))


def _half_made(outputs: Path) -> Iterator[Path]:
    """Folders of forks that were to appear as runs, beside the runs of their system."""
    for family in _folders(outputs):
        for system in _folders(family) if not family.name.startswith(".") else ():
            yield from (path for path in _folders(system) if path.name.startswith(paths.PART))


def _came_to_nothing(path: Path, used: Collection[str], now: float) -> bool:
    """Whether a sweep's folder tells of no run at all, and nobody is at work in it."""
    if any(path.name == id or path.name.endswith(f"-{id}") for id in used):
        return False
    if {*os.listdir(path)} - _MADE_BY_SWEEPS or any(_folder_names(path / "jobs")):
        return False
    newest = max((_time(entry) for entry in trees.walk(path)), default=os.lstat(path).st_mtime)
    return now - max(newest, os.lstat(path).st_mtime) > _QUIET


def _is_bare(path: Path, now: float) -> bool:
    """Whether an entry of the trash lost its run: its mover died."""
    return {*os.listdir(path)} <= {trash.RECORD} and now - os.lstat(path).st_mtime > process.STALE


def _folders(root: Path) -> list[Path]:
    if root.is_symlink():
        return []
    return [root / name for name in _folder_names(root)
            if (root / name).is_dir() and not (root / name).is_symlink()]  # fmt: skip


def _folder_names(root: Path) -> list[str]:
    try:
        return sorted(os.listdir(root))
    except OSError:
        return []


def _time(entry: os.DirEntry[str]) -> float:
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except OSError:
        return 0.0


def remove(piece: Piece) -> None:
    """Delete it.

    Raises:
        StoreError: something of it can't be removed.
    """
    if piece.kind == "checkpoints":  # at once, so that no half of it is ever seen
        gone = disk.part_of(piece.path)
        try:
            os.replace(piece.path, gone)
        except OSError as error:
            raise StoreError(f"{piece.path} can't be removed: {error.strerror}") from error
        trees.remove(gone)
    else:
        trees.remove(piece.path)

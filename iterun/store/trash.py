"""Runs that were removed: moved aside first, whole and at once, and back again.

    outputs/.trash/<yyyymmdd-hhmmss>-<id>/
        trash.json          where it was, what it was, when it was moved
        <its folder>/       the run directory as it was

Moving is a rename on one file system. Only `purge` deletes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from iterun.errors import StoreError
from iterun.store import claim, disk, paths, trees
from iterun.store.schema import Record, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

RECORD = "trash.json"


@dataclass(kw_only=True, repr=False, eq=False, match_args=False)
class TrashRecord(Record):
    """trash.json."""

    place: str  #: of the run directory below outputs, with forward slashes
    moved: float  #: seconds since the epoch; the same for all that one command moved
    id: str = ""
    system: str = ""
    note: str = ""
    sweep: str = ""  #: the id of the one that it belongs to


@dataclass(frozen=True)
class Removed:
    """One run in the trash."""

    entry: Path  #: the folder in the trash
    record: TrashRecord

    @property
    def directory(self) -> Path:
        """The run directory."""
        return self.entry / PurePosixPath(self.record.place).name

    def size(self) -> int:
        """Bytes that purging it sets free."""
        return trees.size(self.directory)


def move(outputs: Path, directory: Path, *, now: float, about: dict[str, Any]) -> Removed:
    """Move a run directory below `outputs` to the trash.

    Args:
        outputs: the folder with the runs.
        directory: of the run.
        now: seconds since the epoch.
        about: its id, system and note as far as they are known.

    Raises:
        StoreError: the run is alive, a link, not below `outputs`, or gone.
        DiskError: not allowed to move it.
    """
    place = _place_of(outputs, directory)
    record = TrashRecord(place=place, moved=now, **about)
    disk.refuse_links(outputs, outputs / paths.TRASH)
    with disk.disk_errors(directory), _known(directory):
        with claim.hold(directory):
            entry = _new_entry(outputs / paths.TRASH, record)
            try:
                disk.write_beside(entry / RECORD, encode(record.to_json()) + b"\n", durable=False)
                os.rename(directory, entry / directory.name)
            except BaseException:
                shutil.rmtree(entry, ignore_errors=True)
                raise
        _forget_claim(entry / directory.name)
    disk.touch(directory.parent)
    return Removed(entry, record)


def listed(outputs: Path) -> list[Removed]:
    """What is in the trash, newest first; entries that aren't ours are passed over."""
    root = outputs / paths.TRASH
    found = []
    for name in _names(root):
        with contextlib.suppress(OSError, ValueError, StoreError):
            record = TrashRecord.from_json(decode(disk.read_small(root / name / RECORD)))
            _check_place(record.place)
            removed = Removed(root / name, record)
            if removed.directory.is_dir() and not removed.directory.is_symlink():
                found.append(removed)
    return sorted(found, key=lambda removed: (removed.record.moved, removed.entry.name))[::-1]


def named(found: Sequence[Removed], names: Iterable[str]) -> list[Removed]:
    """Those that the names mean: ids, starts of one, folder names here or of old.

    Raises:
        StoreError: a name means none, or several.
    """
    chosen: dict[Path, Removed] = {}
    for name in names:
        known = [r for r in found if name in (r.record.id, r.entry.name, r.directory.name)]
        fitting = known or [r for r in found if name and r.record.id.startswith(name)]
        if not fitting:
            raise StoreError(
                f"nothing in the trash is called {name!r}", hint="`iterun rm --trash` lists it"
            )
        if len(fitting) > 1:
            entries = ", ".join(removed.entry.name for removed in fitting[:5])
            raise StoreError(
                f"{name!r} is {len(fitting)} times in the trash", hint=f"name one of {entries}"
            )
        chosen[fitting[0].entry] = fitting[0]
    return list(chosen.values())


def restore(outputs: Path, removed: Removed) -> Path:
    """Move a run back to where it was; its directory.

    Raises:
        StoreError: its place is taken, or behind a link; it stays in the trash.
        DiskError: not allowed to move it.
    """
    _check_place(removed.record.place)
    target = outputs / removed.record.place
    if os.path.lexists(target):
        raise StoreError(
            f"{removed.record.place} is there again, so {removed.entry.name} stays in the trash",
            hint=f"move that one away first, as in `iterun rm {shlex.quote(str(target))}`",
        )
    with disk.disk_errors(target):
        disk.make_folder(outputs, target.parent)
        os.rename(removed.directory, target)
        (removed.entry / RECORD).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody put more into it
            removed.entry.rmdir()
    disk.touch(target.parent)
    return target


def purge(removed: Removed) -> None:
    """Delete for good.

    Raises:
        StoreError: something of it can't be removed.
    """
    trees.remove(removed.entry)


def _place_of(outputs: Path, directory: Path) -> str:
    real_root, real = outputs.resolve(), directory.parent.resolve() / directory.name
    if directory.is_symlink():
        raise StoreError(f"{directory} is a link", hint="remove it by `rm`, or name what it is to")
    if not real.is_relative_to(real_root) or real == real_root:
        raise StoreError(
            f"{directory} is not below {outputs}: the trash takes only what is",
            hint="name its folder by --outputs DIR, or remove it by `rm -r`",
        )
    place = real.relative_to(real_root).as_posix()
    _check_place(place)
    return place


def _check_place(place: str) -> None:
    parts = place.split("/")
    if any(part in ("", ".", "..") or part.startswith(".") or "\0" in part for part in parts):
        raise StoreError(f"{place!r} is no place of a run", hint="move it by hand")


def _new_entry(root: Path, record: TrashRecord) -> Path:
    """A folder that no other process has."""
    import datetime

    root.mkdir(exist_ok=True)
    stamp = datetime.datetime.fromtimestamp(record.moved).strftime("%Y%m%d-%H%M%S")
    id = re.sub(r"[^A-Za-z0-9_-]+", "-", record.id).strip("-")[:60] or "run"
    for k in range(10_000):
        entry = root / (f"{stamp}-{id}-{k}" if k else f"{stamp}-{id}")
        with contextlib.suppress(FileExistsError):
            entry.mkdir()
            return entry
    raise StoreError(f"{root} is full of {stamp}-{id}", hint="iterun rm --purge")


def _names(root: Path) -> list[str]:
    try:
        with os.scandir(root) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise StoreError(f"{root} can't be read: {error.strerror}", hint="ask for it") from error


@contextlib.contextmanager
def _known(directory: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StoreError(
            f"{directory} is gone already", hint="`iterun ls` lists the runs"
        ) from error


def _forget_claim(directory: Path) -> None:
    """The claim moved along, and was not found where it was made."""
    for path in directory.glob(f"{paths.CLAIM}*"):
        path.unlink(missing_ok=True)

"""Files of lines cut after an iteration: what a resume gives up is moved, never lost."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from iterun.errors import StoreError
from iterun.store import disk, lines

_PART = 1 << 20  # bytes copied at once


@dataclass(frozen=True)
class Cut:
    """What `cut_after` moved."""

    n_lines: int  #: those that could be read
    files: list[str]  #: named by moved lines and by none that stayed


def check(path: Path, k: int) -> None:
    """Whether `cut_after` will find all that it needs.

    Raises:
        StoreError: a line up to k can't be read.
    """
    with disk.disk_errors(path), open(path, "rb", opener=disk.no_link) as file:
        _find_cut(file, path, k)


def cut_after(path: Path, k: int, dropped: Path) -> Cut:
    """Move all lines after iteration k, and a torn end, to the end of the file `dropped`.

    Lines carry their iteration as "i", in ascending order: what goes is the file's tail. It is on
    the disk in its new place before it leaves the old one.

    Raises:
        StoreError: a line up to k can't be read; nothing was moved.
        DiskError: no room for the dropped lines; nothing was moved.
    """
    with disk.disk_errors(path):
        disk.unshare(path)
    with disk.disk_errors(path), open(path, "r+b", opener=disk.no_link) as file:
        keep, cut = _find_cut(file, path, k)
        if keep < file.seek(0, os.SEEK_END):
            file.seek(keep)
            _append_rest(file, dropped)
            file.truncate(keep)
            os.fsync(file.fileno())
    return cut


def copy_head(path: Path, k: int, target: Path) -> None:
    """Copy the lines up to iteration k, whole, to a new file.

    Raises:
        StoreError: a line up to k can't be read.
        DiskError: no room for them.
    """
    with disk.disk_errors(path), open(path, "rb", opener=disk.no_link) as file:
        left, _ = _find_cut(file, path, k)
        file.seek(0)
        with disk.disk_errors(target), open(target, "xb") as out:
            while left > 0 and (part := file.read(min(left, _PART))):
                out.write(part)
                left -= len(part)


def _find_cut(file: BinaryIO, path: Path, k: int) -> tuple[int, Cut]:
    """The offset after the last line up to k, and what lies behind it."""
    keep = n_lines = 0
    last = -1
    kept: set[str] = set()
    files: list[str] = []
    try:
        for line in lines.read_lines(file, path):
            if n_lines or iteration_of(line.value) > k:
                n_lines += 1
                files += files_of(line.value)
            else:
                keep, last = line.end, iteration_of(line.value)
                kept.update(files_of(line.value))
    except StoreError:
        if last < k:  # what comes after k goes, be it readable or not
            raise
    return keep, Cut(n_lines, [name for name in dict.fromkeys(files) if name not in kept])


def iteration_of(value: Any) -> int:
    """The iteration that a line belongs to; -1, before all others, if it names none."""
    i = value.get("i") if isinstance(value, dict) else None
    return i if isinstance(i, int) else -1


def files_of(value: Any) -> list[str]:
    """The files that a line names; what isn't a name is passed over."""
    files = value.get("files") if isinstance(value, dict) else None
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _append_rest(file: BinaryIO, target: Path) -> None:
    """Copy the rest of `file` to the end of `target`, whole lines, onto the disk."""
    with disk.disk_errors(target), open(target, "ab", opener=disk.no_link) as out:
        before = out.tell()
        try:
            shutil.copyfileobj(file, out)
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                out.write(b"\n")
            out.flush()
            os.fsync(out.fileno())
        except OSError:
            out.truncate(before)
            raise

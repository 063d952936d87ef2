"""Folders of somebody else's making, walked and removed: however deep, and through no link."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import stat
from typing import TYPE_CHECKING

from iterun.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def walk(root: str | os.PathLike[str], *, hidden: bool = True) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder that is no link, each folder before what is in it.

    What may not be read, or has too long a path to be, is passed over; without `hidden` so is what
    has a leading dot in its name, and all below it.
    """
    waiting = [] if os.path.islink(root) else [os.fspath(root)]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if not hidden and entry.name.startswith("."):
                    continue
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a regular file itself; gone since: no."""
    try:
        return stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
    except OSError:
        return False


def size(root: str | os.PathLike[str]) -> int:
    """Bytes of a file, or of all files below a folder: what removing it sets free."""
    try:
        found = os.lstat(root)
    except OSError:
        return 0
    if not stat.S_ISDIR(found.st_mode):
        return freed(found)
    total = 0
    for entry in walk(root):
        with contextlib.suppress(OSError):
            if not entry.is_dir(follow_symlinks=False):
                total += freed(entry.stat(follow_symlinks=False))
    return total


def freed(found: os.stat_result) -> int:
    """What removing a file sets free: nothing, if it has another name elsewhere."""
    return found.st_size if found.st_nlink == 1 else 0


def remove(path: Path) -> None:
    """Delete a file or a folder with all in it; links are removed and not followed.

    Raises:
        StoreError: something of it can't be removed.
    """
    try:
        if path.is_dir() and not path.is_symlink():
            try:
                shutil.rmtree(path)
            except (RecursionError, OSError):  # too deep; or gone, or not allowed: that is said
                _flatten(path)
        else:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StoreError(
            f"{path} can't be removed: {(error.strerror or str(error)).lower()}",
            hint=f"see who owns it, as by `ls -la {shlex.quote(str(path))}`",
        ) from error


def _flatten(root: Path) -> None:
    """Delete a folder whose paths are too long: folders are moved up before they are emptied."""
    number = itertools.count()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in list(entries):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                above = root.parent / f".{root.name[:60]}-{next(number)}"
                os.rename(entry.path, above)
                waiting.append(above)
        folder.rmdir()

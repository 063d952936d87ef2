"""Things made once and kept in the user's cache folder, safely against two processes."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import DiskError

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE = 64 << 20  # bytes: larger files are known by size, head, tail and samples between
SAMPLE = 1 << 20
SAMPLES = 16
DISK = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EEXIST,
}


def cache_root() -> Path:
    """$ITERUN_CACHE, else `iterun` in the platform's cache folder (as `store.paths` has it)."""
    if chosen := os.environ.get("ITERUN_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "iterun"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "iterun"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iterun"


def digest(*parts: str | bytes) -> str:
    """SHA-256 (hex) of what tells a data set or a model from others."""
    joined = b"\0".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(joined).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file's content; of files over 64 MiB, of their size and 16 samples."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        sha = hashlib.sha256(str(size).encode())
        for k in range(SAMPLES):
            file.seek((size - SAMPLE) * k // (SAMPLES - 1))
            sha.update(file.read(SAMPLE))
        return sha.hexdigest()


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make` if it does not exist yet.

    `make` gets an empty folder beside it that is renamed when `make` returns, so `folder` is whole
    or absent, whatever is killed. A lock keeps a second process waiting instead of making it too.

    Raises:
        DiskError: the cache folder cannot be written.
    """
    from filelock import FileLock

    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                _make_and_rename(folder, make)
    except OSError as error:
        if error.errno not in DISK:
            raise
        raise DiskError(
            f"the cache folder {folder.parent} cannot be written: {error.strerror or error}",
            hint="free some space there, or name another folder: ITERUN_CACHE=FOLDER iterun ...",
        ) from error
    return folder


def _make_and_rename(folder: Path, make: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}.part-*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.part-", dir=folder.parent) as scratch:
        part = Path(scratch) / "made"
        part.mkdir()
        make(part)
        part.rename(folder)

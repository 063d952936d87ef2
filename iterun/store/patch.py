"""code.patch: what the user's code had beside its commit, of a run or of a sweep."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from iterun.store import disk, paths

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, patch: str) -> None:
    """Write it, with whatever bytes the files had.

    Raises:
        DiskError: the folder can't be written.
    """
    text = patch.encode(errors="surrogateescape")
    disk.write_beside(folder / paths.PATCH, text, durable=False)


def read(folder: Path) -> str | None:
    """As it was written; None: there is none, or it can't be read."""
    with contextlib.suppress(OSError, ValueError):
        return disk.read_small(folder / paths.PATCH).decode(errors="surrogateescape")
    return None

"""The newest iteration of a run that somebody else is doing, without reading all of its lines."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterun.store import disk, paths
from iterun.store.schema import Iteration, decode

if TYPE_CHECKING:
    from pathlib import Path

_END = 1 << 16  # bytes looked at; a longer line is not shown


def newest(directory: Path) -> Iteration | None:
    """The last whole line of iterations.jsonl; None: there is none, or it can't be read."""
    try:
        with open(directory / paths.ITERATIONS, "rb", opener=disk.no_link) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _END))
            lines = file.read(_END).split(b"\n")
        return Iteration.from_json(decode(lines[-2])) if len(lines) > 1 else None
    except (OSError, ValueError):
        return None

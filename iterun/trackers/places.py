"""Where tools keep what they are told, if nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

from iterun.store import paths


def default(tool: str, outputs: Path) -> str:
    """Where a tool keeps the runs below `outputs`."""
    return str(outputs.absolute() / paths.TRACKERS / tool)


def absolute(place: str) -> str:
    """A place from the root, unless it is an address."""
    return place if "://" in place else str(Path(place).expanduser().absolute())


def outputs_of(directory: Path, system: str) -> Path:
    """The folder with the runs that a run directory lies in; itself, if it lies elsewhere."""
    directory = directory.absolute()
    depth = system.count("/") + 1
    root = directory.parents[depth] if depth < len(directory.parents) else directory
    return root if root / system == directory.parent else directory

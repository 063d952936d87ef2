"""Runs of any system in this process, taken up again, and what they left."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from iterun.config.compose import compose, to_plain
from iterun.launch.local import launch, resume
from iterun.store.checkpoint import available, delete
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

EVERY_CHECKPOINT = ["checkpoint.share=null", "checkpoint.last=null"]


def done(
    directory: Path, line: Sequence[str], listener: Callable[[Any], None] = lambda event: None
) -> RunView:
    """A run of the line."""
    place = {"directory": directory, "outputs": directory.parent}
    launch(to_plain(compose(list(line))), argv=[], listener=listener, **place)
    return RunView(directory)


def go_on_from(view: RunView, i: int, directory: Path) -> RunView:
    """A copy of a run as if it had been killed after checkpoint i, resumed to its end."""
    shutil.copytree(view.directory, directory)
    for k in available(directory):
        if k > i:
            delete(directory, k)
    resume(directory, [], lambda mode: lambda event: None)
    return RunView(directory)


def story(view: RunView) -> list[tuple[int, dict[str, float], dict[str, str]]]:
    """What a resumed run has to have equal."""
    return [(line.i, line.metrics, line.labels) for line in view.iterations()]


def artifacts(view: RunView) -> dict[str, bytes]:
    """What the run delivers, by name; what a resume set aside is left out."""
    folder = view.directory / "artifacts"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()}
    return {name: (folder / name).read_bytes() for name in names if not name.startswith(".")}

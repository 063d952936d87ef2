"""Runs of any system in this process, taken up again, and what they left."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from iterun.config.compose import compose, to_plain
from iterun.core.progress import CheckpointSaved
from iterun.launch.local import launch, resume
from iterun.store.checkpoint import available, delete
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

EVERY_CHECKPOINT = ["checkpoint.share=null", "checkpoint.last=null"]


def done(
    directory: Path, line: Sequence[str], listener: Callable[[Any], None] = lambda event: None
) -> RunView:
    """A run of the line."""
    place = {"directory": directory, "outputs": directory.parent}
    launch(to_plain(compose(list(line))), argv=[], listener=listener, **place)
    return RunView(directory)


class Named(Protocol):
    """Makes a run of a name, with changes."""

    def __call__(
        self, directory: Path, name: str, *overrides: str, listener: Callable[[Any], None] = ...
    ) -> RunView: ...


def named_runs(lines: Mapping[str, Sequence[str]]) -> Named:
    """What makes runs of these lines by their names."""

    def run(
        directory: Path,
        name: str,
        *overrides: str,
        listener: Callable[[Any], None] = lambda event: None,
    ) -> RunView:
        line = [*lines[name], "backend=cpu", "backend.threads=1", *overrides]
        return done(directory, line, listener)

    return run


def once_each(run: Named, folder: Path) -> Callable[[str], RunView]:
    """Gives the whole run of a name with all its checkpoints, made when it is first asked for."""
    made: dict[str, RunView] = {}

    def of(name: str) -> RunView:
        if name not in made:
            made[name] = run(folder / name, name, *EVERY_CHECKPOINT)
        return made[name]

    return of


@dataclass
class Leaving:
    """Tells the run to leave at its n-th checkpoint; it is gone at the safe point after that."""

    n: int
    seen: int = 0

    def __call__(self, event: object) -> None:
        if isinstance(event, CheckpointSaved):
            self.seen += 1
            if self.seen == self.n:
                os.kill(os.getpid(), signal.SIGTERM)


def taken_up(directory: Path) -> RunView:
    """A run that was left, resumed to its end."""
    resume(directory, [], lambda mode: lambda event: None)
    return RunView(directory)


def go_on_from(view: RunView, i: int, directory: Path) -> RunView:
    """A copy of a run as if it had been killed after checkpoint i, resumed to its end."""
    shutil.copytree(view.directory, directory)
    for k in available(directory):
        if k > i:
            delete(directory, k)
    return taken_up(directory)


def story(view: RunView) -> list[tuple[int, dict[str, float], dict[str, str]]]:
    """What a resumed run has to have equal."""
    return [(line.i, line.metrics, line.labels) for line in view.iterations()]


def artifacts(view: RunView) -> dict[str, bytes]:
    """What the run delivers, by name; what a resume set aside is left out."""
    folder = view.directory / "artifacts"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()}
    return {name: (folder / name).read_bytes() for name in names if not name.startswith(".")}

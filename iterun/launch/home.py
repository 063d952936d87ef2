"""A process made ready for the jobs of a sweep: folder, search path, Hydra's globals and loader."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.config.compose import search_path
from iterun.launch.naming import register_resolvers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hydra.types import HydraContext

    from iterun.launch.quick import QuickLoader
    from iterun.launch.sweep import Sweep

_loaders: dict[tuple[str | None, str | None], QuickLoader] = {}
_contexts: dict[str, HydraContext] = {}  # of sweeps that began in this process, by folder


def new_loader(config_path: str | None, config_dir: str | None) -> QuickLoader:
    """A loader that has read nothing yet: of a new line."""
    from iterun.launch.quick import QuickLoader

    _loaders[config_path, config_dir] = found = QuickLoader(search_path(config_path, config_dir))
    return found


@contextmanager
def at(sweep: Sweep) -> Iterator[QuickLoader]:
    """Be where the line was typed; the loader of the sweep's configs."""
    before = os.getcwd()
    for place in sweep.path:
        if place not in sys.path:
            sys.path.append(place)
    if before != sweep.cwd:
        os.chdir(sweep.cwd)
    try:
        yield loader(sweep)
    finally:
        if before != sweep.cwd:
            os.chdir(before)


def loader(sweep: Sweep) -> QuickLoader:
    """The one that composes the sweep's configs in this process."""
    key = sweep.config_path, sweep.config_dir
    if key not in _loaders:  # another process than that of the line
        from hydra import version
        from hydra._internal.hydra import Hydra

        version.setbase("1.3")
        Hydra(task_name="iterun", config_loader=new_loader(*key))
        register_resolvers(Path(sweep.outputs))
    return _loaders[key]


def remember(sweep: Sweep, context: HydraContext) -> None:
    """Keep what Hydra gave for the sweep: its callbacks may have a state."""
    _contexts[sweep.folder] = context


def context(sweep: Sweep) -> HydraContext | None:
    """What Hydra gave for the sweep, in the process where it began."""
    return _contexts.get(sweep.folder)

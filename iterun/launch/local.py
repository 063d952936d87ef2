"""A run on this machine: checked, recorded, handed to the runner."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.core.job import Job
from iterun.errors import ConfigError
from iterun.launch import mirrors
from iterun.launch.builders import builders, with_absolute_paths
from iterun.launch.check import checked
from iterun.launch.git import Look
from iterun.launch.record import record
from iterun.launch.resume import resume
from iterun.store import paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.core.job import Outcome
    from iterun.core.progress import Listener

__all__ = ["discard", "launch", "resume", "with_system"]


def launch(
    config: Mapping[str, Any],
    *,
    directory: Path,
    argv: Sequence[str],
    listener: Listener,
    experiment: str | None = None,
    sweep: Mapping[str, Any] | None = None,
    extra: Sequence[Path] = (),
    look: Look | None = None,
) -> Outcome:
    """Do the run that a config describes.

    Args:
        config: plain and resolved; `task.about.system` is there.
        directory: the run directory: new, empty, or with Hydra's own folder in it.
        argv: the line as typed, without the program.
        listener: hears of everything that happens.
        experiment: the choice of `experiment=`.
        sweep: {id, job} of the sweep it belongs to.
        extra: further folders with groups (`--config-dir`).
        look: at the user's repository, if it is begun already.

    Raises:
        ConfigError: the config can't be run; all its faults.
        StoreError: the directory is taken.
        DiskError: the directory can't be made.
    """
    with look or Look(Path.cwd()) as look:
        procedure, place = checked(config, experiment=experiment, extra=extra)
        commit, patch = look.state()
    config = with_absolute_paths(config)
    job = Job(
        procedure=procedure,
        config=config,
        record=record(config, directory=directory, place=place, argv=argv, git=commit, sweep=sweep),
        directory=directory,
        place=place,
        builders=builders(config, place),
        stop=config["stop"] or {},
        checkpoint=config["checkpoint"] or {},
        objective=config["task"].get("objective"),
        listener=listener,
        patch=patch,
    )
    return mirrors.run(job)


def discard(directory: Path, root: Path) -> None:
    """Remove what Hydra made for a run that is not to be; a folder that holds anything else stays.

    Args:
        directory: the run directory.
        root: folders below it go too if they are empty.
    """
    hydra = directory / paths.HYDRA
    with contextlib.suppress(OSError):
        if {path.name for path in directory.iterdir()} <= {paths.HYDRA}:
            for path in hydra.glob("*.yaml"):
                path.unlink()
            hydra.rmdir()
    with contextlib.suppress(OSError):
        directory.rmdir()
        for parent in directory.parents:
            if root not in parent.parents:
                break
            parent.rmdir()


def with_system(config: dict[str, Any], system: str) -> dict[str, Any]:
    """The config with `task.about.system`, which a task of one's own may leave out.

    Raises:
        ConfigError: no task at all.
    """
    task = config["task"]
    if not isinstance(task, dict):
        raise ConfigError("this config has no task", hint="name a system, as in task=prune/perp")
    about = {"system": system} | (task.get("about") or {})
    return config | {"task": task | {"about": about}}

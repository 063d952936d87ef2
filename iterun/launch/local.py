"""A run on this machine: checked, recorded, handed to the runner; or found done already."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iterun.core.job import Outcome
from iterun.core.progress import Remark, RunEnded
from iterun.errors import ConfigError
from iterun.launch import existing, mirrors
from iterun.launch.assembled import assembled
from iterun.launch.builders import with_absolute_paths
from iterun.launch.check import checked
from iterun.launch.git import Look
from iterun.launch.record import record
from iterun.launch.resume import resume
from iterun.store import paths
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.core.job import Job, Judge
    from iterun.core.progress import Listener
    from iterun.launch.existing import Existing
    from iterun.launch.kept import Kept

__all__ = ["discard", "launch", "prepared", "resume", "take", "with_system"]

_STATUS = {"diverged": 3}


class Code(Protocol):
    """Knows the state of the user's repository."""

    def state(self) -> tuple[dict[str, Any] | None, str | None]:
        """{"commit", "dirty"}, and the patch."""


def launch(
    config: Mapping[str, Any],
    *,
    directory: Path,
    argv: Sequence[str],
    listener: Listener,
    outputs: Path,
    experiment: str | None = None,
    extra: Sequence[Path] = (),
    look: Look | None = None,
) -> Outcome:
    """Do the run that a config describes, or go on with or show the one that there is already.

    Args:
        config: plain and resolved; `task.about.system` is there.
        directory: the run directory: new, empty, or with Hydra's own folder in it.
        argv: the line as typed, without the program.
        listener: hears of everything that happens.
        outputs: where runs live; `on_existing` looks there.
        experiment: the choice of `experiment=`.
        extra: further folders with groups (`--config-dir`).
        look: at the user's repository, if it is begun already.

    Raises:
        ConfigError: the config can't be run; all its faults.
        StoreError: the directory is taken.
        DiskError: the directory can't be made.
    """
    with look or Look(Path.cwd()) as look:
        job = prepared(
            config, directory=directory, argv=argv, experiment=experiment, extra=extra, code=look
        )
    job.listener = listener
    if found := there_is(job, outputs):
        listener(Remark(_said(found)))
        return take(found, listener)
    return mirrors.run(job)


def prepared(
    config: Mapping[str, Any],
    *,
    directory: Path,
    argv: Sequence[str],
    code: Code,
    experiment: str | None = None,
    sweep: Mapping[str, Any] | None = None,
    extra: Sequence[Path] = (),
    threads: int | None = None,
    kept: Kept | None = None,
) -> Job:
    """All that the runner needs; nothing is loaded, and no file is written.

    Args:
        config: plain and resolved; `task.about.system` is there.
        directory: the run directory that is to be.
        argv: the line that repeats the run, without the program.
        code: knows the state of the user's repository.
        experiment: the choice of `experiment=`.
        sweep: {id, job} of the sweep it belongs to.
        extra: further folders with groups (`--config-dir`).
        threads: the most that backend.threads=auto takes.
        kept: what jobs before this one left in this process.

    Raises:
        ConfigError: the config can't be run; all its faults.
    """
    procedure, place = checked(config, experiment=experiment, extra=extra, threads=threads)
    commit, patch = code.state()
    config = with_absolute_paths(config)
    own = record(
        config, directory=directory, place=place, argv=argv, git=commit, sweep=sweep, kept=kept
    )
    job = assembled(procedure, config, record=own, directory=directory, place=place, kept=kept)
    job.patch = patch
    return job


def there_is(job: Job, outputs: Path) -> Existing | None:
    """The run that `on_existing` takes instead of a new one."""
    found = str(job.config.get("on_existing"))
    return existing.find(job.record, job.config, found, outputs / job.record.system)


def take(found: Existing, listener: Listener, judge: Judge | None = None) -> Outcome:
    """Go on with a run that there is, or show how it ended.

    Raises:
        ConfigError: its model or text isn't what it was.
        StoreError: what it wrote can't be read.
    """
    if found.act == "resumed":
        return resume(found.directory, [], lambda mode: listener, judge=judge)
    outcome = as_it_is(RunView(found.directory))
    listener(RunEnded(outcome))
    return outcome


def _said(found: Existing) -> str:
    """What is done with a run that there is."""
    view = RunView(found.directory)
    if found.act == "resumed":
        return f"{view.id} goes on: it was {found.state}"
    if found.act == "alive":
        where = f"process {view.status.pid} on {view.status.host or 'this machine'}"
        return f"{view.id} is left alone: {where} is at it"
    return f"exists: {view.id} is {found.state}, and is not run again"


def as_it_is(view: RunView) -> Outcome:
    """How a run stands that is left alone."""
    summary, status = view.summary, view.status
    return Outcome(
        state=view.state, reason=status.reason, error=status.error,
        exit_status=_STATUS.get(view.state, 0), directory=view.directory,
        iterations=max(summary.iterations if summary else 0, status.iteration or 0),
        summary=summary,
    )  # fmt: skip


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

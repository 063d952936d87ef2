"""A line for Hydra, from words to exit status.

Hydra's own entry composes twice, prints its errors and leaves the process. Here the same pieces are
called in the same order, the config is composed once, and what goes wrong is raised.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.config.compose import search_path
from iterun.errors import ConfigError, DiskError
from iterun.launch.git import Look
from iterun.launch.jobs import Jobs, Mode, SweepError
from iterun.launch.local import discard
from iterun.launch.naming import register_resolvers
from iterun.launch.show import show
from iterun.launch.words import parsed, repeated_flags
from iterun.store import disk, paths

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator, Sequence

    from hydra._internal.hydra import Hydra
    from omegaconf import DictConfig

    from iterun.core.progress import Listener

__all__ = ["Mode", "SweepError", "run_line"]


def run_line(
    argv: Sequence[str], make_listener: Callable[[Mode], Listener], outputs: str | None = None
) -> int:
    """Do what a line says: a run, a sweep, or what Hydra shows (--cfg, --info, --hydra-help).

    Args:
        argv: the words behind `iterun`.
        make_listener: called with "run" or "multirun", once for each run that starts.
        outputs: the option --outputs.

    Returns:
        The exit status: of the run; of a sweep 0, or that of the signal that ended it.

    Raises:
        ConfigError: the line can't be run, for whatever reasons it has.
        SweepError: jobs of a sweep failed; all others are done.
        StoreError: the run directory is taken.
        DiskError: it can't be written.
    """
    from hydra._internal.hydra import Hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig

    parser, args = parsed(argv)
    root = paths.outputs_root(outputs).absolute()
    jobs = Jobs(
        argv=list(argv),
        outputs=root,
        make_listener=make_listener,
        flags=repeated_flags(args),
        extra=[Path(args.config_dir)] if args.config_dir else [],
    )
    path = search_path(args.config_path, args.config_dir)
    GlobalHydra.instance().clear()
    hydra = Hydra.create_main_hydra2("iterun", path)
    register_resolvers(root)
    try:
        with _leaving_nothing(root):
            return _do(hydra, parser, args, jobs)
    except SystemExit as left:
        return int(left.code or 0) if not isinstance(left.code, str) else 1
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None


def _do(hydra: Hydra, parser: ArgumentParser, args: Namespace, jobs: Jobs) -> int:
    if args.multirun:
        return _sweep(hydra, args, jobs)
    if args.cfg or args.info or args.hydra_help or args.help or args.shell_completion:
        with _explained(hydra, args):
            show(hydra, parser, args)
        return 0
    return _run(hydra, args, jobs)


def _run(hydra: Hydra, args: Namespace, jobs: Jobs) -> int:
    with Look(Path.cwd()) as jobs.look:
        return _run_once(hydra, args, jobs)


def _run_once(hydra: Hydra, args: Namespace, jobs: Jobs) -> int:
    """As `Hydra.run`, but that the config is composed once."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.utils import run_job
    from hydra.types import HydraContext, RunMode

    with _explained(hydra, args):
        config = _composed(hydra, args)
    if config is None:
        return _sweep(hydra, args, jobs)
    config.hydra.mode = RunMode.RUN
    callbacks = Callbacks(config)
    callbacks.on_run_start(config=config, config_name=args.config_name)
    directory = _new_directory(config)
    try:
        done = run_job(
            hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
            task_function=jobs,
            config=config,
            job_dir_key="hydra.run.dir",
            job_subdir_key=None,
        )
    except OSError as error:
        discard(directory, jobs.outputs)
        raise _not_made(error, directory) from error
    callbacks.on_run_end(config=config, config_name=args.config_name, job_return=done)
    if jobs.error is not None:
        raise jobs.error
    return jobs.outcome.exit_status if jobs.outcome else 0


def _composed(hydra: Hydra, args: Namespace) -> DictConfig | None:
    """The config of one run; None if it is that of a sweep, by `hydra.mode`."""
    from hydra.errors import ConfigCompositionException
    from hydra.types import RunMode

    try:
        config = hydra.compose_config(
            config_name=args.config_name,
            overrides=args.overrides,
            run_mode=RunMode.RUN,
            with_log_configuration=True,
        )
    except ConfigCompositionException:
        if hydra.get_mode(args.config_name, args.overrides) is not RunMode.MULTIRUN:
            raise
        return None
    return None if config.hydra.mode == RunMode.MULTIRUN else config


def _new_directory(config: DictConfig) -> Path:
    """The run directory; one that holds a run already is refused before Hydra writes into it."""
    from hydra.core.hydra_config import HydraConfig

    HydraConfig.instance().set_config(config)
    directory = Path(str(config.hydra.run.dir))
    if (directory / paths.RUN).exists():
        raise ConfigError(
            f"hydra.run.dir={directory} holds a run already",
            hint=f"go on with it: iterun resume {directory}; or name another folder",
        )
    return directory


def _sweep(hydra: Hydra, args: Namespace, jobs: Jobs) -> int:
    from hydra.errors import MissingConfigException
    from hydra.types import RunMode

    with _explained(hydra, args, sweep=True):
        try:
            hydra.multirun(
                config_name=args.config_name,
                task_function=jobs,
                overrides=[*args.overrides, f"hydra.mode={RunMode.MULTIRUN.name}"],
            )
        except MissingConfigException:  # an OSError by its class alone
            raise
        except OSError as error:
            raise _not_made(error, jobs.outputs) from error
        finally:
            if not jobs.started:
                _discard_sweeps(jobs.outputs)
    if (verdict := jobs.verdict()) is not None:
        raise verdict
    return 0


def _discard_sweeps(root: Path) -> None:
    """Remove the folders of sweeps that hold nothing but Hydra's note of what was asked for."""
    for folder in (root / paths.SWEEPS).glob("*"):
        with suppress(OSError):
            if {path.name for path in folder.iterdir()} <= {"multirun.yaml"}:
                (folder / "multirun.yaml").unlink(missing_ok=True)
                folder.rmdir()
    with suppress(OSError):
        (root / paths.SWEEPS).rmdir()


@contextmanager
def _explained(hydra: Hydra, args: Namespace, *, sweep: bool = False) -> Iterator[None]:
    """Raise what Hydra can't compose as our own errors."""
    from hydra.types import RunMode

    from iterun.config.explain import EXPLAINED, explain

    try:
        yield
    except EXPLAINED as error:
        mode = RunMode.MULTIRUN if sweep else RunMode.RUN
        name = args.config_name
        raise explain(error, args.overrides, hydra.config_loader, name, mode) from error


def _not_made(error: OSError, directory: Path) -> DiskError:
    """A directory that Hydra could not make, or could not write its files to."""
    path = Path(error.filename or directory)
    found = disk.disk_error(error, path)
    if isinstance(found, DiskError):
        return found
    return DiskError(
        f"{path} can't be made: {os.strerror(error.errno or 0).lower()}",
        hint="choose another folder with --outputs FOLDER or ITERUN_OUTPUTS",
    )


@contextmanager
def _leaving_nothing(root: Path) -> Iterator[None]:
    """Remove `root` again if it was made for nothing."""
    missing = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        yield
    finally:
        with suppress(OSError):
            for folder in missing:
                folder.rmdir()

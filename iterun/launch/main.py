"""A line for Hydra, from words to exit status.

Hydra's own entry composes twice, prints its errors and leaves the process. Here the same pieces are
called in the same order, the config is composed once, and what goes wrong is raised.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from iterun.errors import ConfigError, DiskError
from iterun.launch.account import SweepError
from iterun.launch.git import Look
from iterun.launch.home import new_loader
from iterun.launch.local import discard
from iterun.launch.naming import register_resolvers
from iterun.launch.one import One
from iterun.launch.show import show
from iterun.launch.words import parsed
from iterun.store import disk, paths

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator, Sequence

    from hydra._internal.hydra import Hydra
    from omegaconf import DictConfig

    from iterun.launch.events import Hears

__all__ = ["Mode", "SweepError", "run_line"]

Mode = Literal["run", "multirun", "resume"]


def run_line(
    argv: Sequence[str], make_listener: Callable[[Mode], Hears], outputs: str | None = None
) -> int:
    """Do what a line says: a run, a sweep, or what Hydra shows (--cfg, --info, --hydra-help).

    Args:
        argv: the words behind `iterun`.
        make_listener: called once: with "run", and the listener hears core events; or with
            "multirun", and it hears those of `launch.events`.
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
    line = _Line(argv, paths.outputs_root(outputs).absolute(), make_listener, outputs)
    loader = new_loader(args.config_path, args.config_dir)
    GlobalHydra.instance().clear()
    hydra = Hydra(task_name="iterun", config_loader=loader)
    GlobalHydra.instance().initialize(hydra)
    register_resolvers(line.outputs)
    try:
        with _leaving_nothing(line.outputs):
            return _do(hydra, parser, args, line)
    finally:
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None


class _Line(NamedTuple):
    """What a line is made of besides Hydra's part."""

    argv: Sequence[str]
    outputs: Path
    make_listener: Callable[[Mode], Hears]
    option: str | None  #: --outputs as typed


def _do(hydra: Hydra, parser: ArgumentParser, args: Namespace, line: _Line) -> int:
    if args.multirun:
        return _sweep(hydra, args, line)
    if args.cfg or args.info or args.hydra_help or args.help or args.shell_completion:
        with _explained(hydra, args):
            show(hydra, parser, args)
        return 0
    with Look(Path.cwd()) as look:
        return _run(hydra, args, line, look)


def _run(hydra: Hydra, args: Namespace, line: _Line, look: Look) -> int:
    """As `Hydra.run`, but that the config is composed once."""
    from hydra._internal.callbacks import Callbacks
    from hydra.core.utils import run_job
    from hydra.types import HydraContext, RunMode

    with _explained(hydra, args):
        config = _composed(hydra, args)
    if config is None:
        return _sweep(hydra, args, line)
    config.hydra.mode = RunMode.RUN
    callbacks = Callbacks(config)
    callbacks.on_run_start(config=config, config_name=args.config_name)
    directory = _new_directory(config)
    extra = [Path(args.config_dir)] if args.config_dir else []
    one = One(
        argv=list(line.argv), outputs=line.outputs, make_listener=line.make_listener,
        extra=extra, look=look,
    )  # fmt: skip
    try:
        done = run_job(
            hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
            task_function=one,
            config=config,
            job_dir_key="hydra.run.dir",
            job_subdir_key=None,
        )
    except OSError as error:
        discard(directory, line.outputs)
        raise _not_made(error, directory) from error
    callbacks.on_run_end(config=config, config_name=args.config_name, job_return=done)
    if one.error is not None:
        raise one.error
    return one.outcome.exit_status if one.outcome else 0


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


def _sweep(hydra: Hydra, args: Namespace, line: _Line) -> int:
    from hydra.errors import MissingConfigException

    from iterun.launch.multirun import multirun

    options = ["--outputs", line.option] if line.option else []
    with _explained(hydra, args, sweep=True):
        try:
            return multirun(
                hydra, args, argv=line.argv, outputs=line.outputs, options=options,
                hears=lambda: line.make_listener("multirun"),
            )  # fmt: skip
        except MissingConfigException:  # an OSError by its class alone
            raise
        except OSError as error:
            raise _not_made(error, line.outputs) from error


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

"""A line that is a sweep: what Hydra's `multirun` does, around jobs of ours.

A sweep that is asked for again with on_existing=resume is the same sweep: it keeps its folder, so
that its jobs find the directories they had.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.launch import plugins
from iterun.launch.account import Account, new_record
from iterun.launch.git import Look
from iterun.launch.naming import new_id, now, sweep_stamp
from iterun.launch.sweep import Sweep
from iterun.launch.task import Task
from iterun.launch.words import repeated_flags
from iterun.store import paths, sweeps

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Sequence

    from hydra._internal.hydra import Hydra
    from omegaconf import DictConfig

    from iterun.launch.events import Hears

RESUME = "on_existing=resume"


def multirun(
    hydra: Hydra,
    args: Namespace,
    *,
    argv: Sequence[str],
    outputs: Path,
    hears: Callable[[], Hears],
    options: Sequence[str] = (),
) -> int:
    """Do all jobs of a line.

    Args:
        hydra: with our loader.
        args: the line, parsed.
        argv: the line as typed, without the program.
        outputs: where runs live.
        hears: makes the listener when the first job is about to begin.
        options: what every line of the user's needs: --outputs.

    Returns:
        0, or 128 and the number of the signal that ended it.

    Raises:
        SweepError: jobs failed; all others are done.
        ConfigError: nothing was begun.
    """
    from hydra._internal.callbacks import Callbacks
    from hydra.core.plugins import Plugins
    from hydra.types import HydraContext
    from omegaconf import OmegaConf

    config = _composed(hydra, args)
    words = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    assert isinstance(words, list)
    sweep = _sweep(config, args, outputs, words)
    plugins.offer(config)
    callbacks = Callbacks(config)
    callbacks.on_multirun_start(config=config, config_name=args.config_name)
    record = new_record(sweep, argv, words)
    choices = config.hydra.runtime.choices
    record.launcher, record.sweeper = str(choices["hydra/launcher"]), str(choices["hydra/sweeper"])
    with Look(Path.cwd()) as look:
        account = Account(sweep, record, look, hears, options)
        sweeper = Plugins.instance().instantiate_sweeper(
            config=config,
            hydra_context=HydraContext(config_loader=hydra.config_loader, callbacks=callbacks),
            task_function=Task(sweep, account),
        )
        status = _swept(sweeper, words, account, outputs)
    callbacks.on_multirun_end(config=config, config_name=args.config_name)
    return status


def _composed(hydra: Hydra, args: Namespace) -> DictConfig:
    from hydra.types import RunMode

    return hydra.compose_config(
        config_name=args.config_name,
        overrides=[*args.overrides, f"hydra.mode={RunMode.MULTIRUN.name}"],
        run_mode=RunMode.MULTIRUN,
        with_log_configuration=True,
    )


def _swept(sweeper: Any, words: Sequence[str], account: Account, outputs: Path) -> int:
    """Have the sweeper do its work; whatever ends it, what was done is told."""
    status = 0
    interrupted = True
    try:
        sweeper.sweep(arguments=list(words))
        interrupted = False
    except SystemExit as left:
        status = int(left.code or 0)
        interrupted = status > 128
    finally:
        if not account.has_begun:
            discard_empty(outputs)
        error = account.finish(interrupted=interrupted)
    if error is not None:
        raise error
    return status


def _sweep(config: DictConfig, args: Namespace, outputs: Path, words: Sequence[str]) -> Sweep:
    """The sweep of a config; `hydra.sweep.dir` gives its folder."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    HydraConfig.instance().set_config(config)
    hydra = OmegaConf.to_container(config.hydra.overrides.hydra)
    assert isinstance(hydra, list)
    flags = repeated_flags(args)
    kept = OmegaConf.get_cache(config)["iterun"]
    if before := _before(outputs, words, hydra, flags):
        kept["sweep"] = str(before)
    folder = Path(str(config.hydra.sweep.dir)).absolute()
    stamp = sweep_stamp(folder) or now()
    kept["stamp"] = stamp
    key = str(folder) if sweep_stamp(folder) else f"{folder}@{stamp}-{new_id()}"
    kept["key"] = key
    return Sweep(
        id=folder.name, folder=str(folder), stamp=stamp, key=key, outputs=str(outputs),
        cwd=str(Path.cwd()), config_name=args.config_name, config_path=args.config_path,
        config_dir=args.config_dir, hydra=tuple(hydra), flags=tuple(flags), path=tuple(sys.path),
    )  # fmt: skip


def _before(
    outputs: Path, words: Sequence[str], hydra: Sequence[str], flags: Sequence[str]
) -> Path | None:
    """The folder of the newest sweep of the same line, if this one is to go on with it."""
    if RESUME not in words:
        return None
    asked = _compared(words), _compared(hydra), list(flags)
    for folder in sweeps.all_sweeps(outputs):
        record = sweeps.read(folder)
        if (_compared(record.overrides), _compared(record.hydra), record.flags) == asked:
            return folder
    return None


def _compared(words: Sequence[str]) -> list[str]:
    """What makes a sweep the same: not where its jobs are done, nor what is done with others."""
    elsewhere = ("on_existing=", "hydra/launcher=", "hydra.launcher.", "hydra.mode=")
    return [word for word in words if not word.startswith(elsewhere)]


def discard_empty(outputs: Path) -> None:
    """Remove the folders of sweeps that hold nothing but Hydra's note of what was asked for."""
    for folder in (outputs / paths.SWEEPS).glob("*"):
        with suppress(OSError):
            if {path.name for path in folder.iterdir()} <= {"multirun.yaml"}:
                (folder / "multirun.yaml").unlink(missing_ok=True)
                folder.rmdir()
    with suppress(OSError):
        (outputs / paths.SWEEPS).rmdir()

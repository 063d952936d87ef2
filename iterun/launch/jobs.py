"""One job of a sweep, done in whatever process this is called in.

    do(sweep, job) -> JobRecord

`sweep` and `job` are small and picklable (`launch/sweep.py`), so is what comes back
(`store/sweeps.py`): a launcher hands `do` to another process, or to a machine that sees the same
`outputs/` and `conf/`, and needs nothing else. Whatever a job does wrong stands in its record.
A job whose run was begun before, because it was queued again, goes on with it.

The record is written to `jobs/N.json` in the sweep's folder too: when the run has started, and at
the end. Whoever waits for another process follows its progress there and in the run directory.
"""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.compose import to_plain
from iterun.core.progress import Event, RunStarted, ignore
from iterun.errors import IterunError, StoreError
from iterun.launch import existing, home, kept, mirrors, written
from iterun.launch.local import discard, prepared, take, there_is, with_system
from iterun.launch.naming import system_of
from iterun.store import sweeps
from iterun.store.reader import RunView
from iterun.store.sweeps import REFUSED, JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from omegaconf import DictConfig

    from iterun.core.job import Job, Judge, Outcome
    from iterun.core.progress import Listener
    from iterun.launch.quick import QuickLoader
    from iterun.launch.sweep import Asked, Sweep

log = logging.getLogger(__name__)


def do(sweep: Sweep, job: Asked, listener: Listener = ignore) -> JobRecord:
    """Do a job; how it ended.

    Args:
        sweep: what all jobs have in common.
        job: its number and settings.
        listener: hears of the run, if anybody in this process wants to.
    """

    def work() -> JobRecord:
        with home.at(sweep) as loader:
            config = composed(sweep, job, loader)
            directory = Path(str(config.hydra.runtime.output_dir))
            runs = _Runs(sweep, job, listener, settings(config), directory)
            try:
                return runs.done(config.hydra, lambda it: written.run(it, config, sweep))
            except IterunError:
                discard(directory, Path(sweep.outputs))
                raise

    return _never_failing(sweep, job, work)


def do_composed(
    sweep: Sweep, job: Asked, config: DictConfig, hydra: Any, listener: Listener = ignore
) -> JobRecord:
    """Do a job for a launcher that isn't ours: Hydra has made its config and its directory."""
    directory = Path(str(hydra.runtime.output_dir))

    def work() -> JobRecord:
        name = hydra.runtime.choices.get("task")
        runs = _Runs(sweep, job, listener, settings(config, name), directory)
        try:
            return runs.done(hydra, mirrors.run)
        finally:
            discard(directory, Path(sweep.outputs))

    return _never_failing(sweep, job, work)


def composed(sweep: Sweep, job: Asked, loader: QuickLoader) -> DictConfig:
    """The config of a job, its directory in `hydra.runtime.output_dir`."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    config = loader.job_config(sweep.config_name, [*sweep.hydra, *job.overrides])
    HydraConfig.instance().cfg = config  # type: ignore[assignment]  # set_config copies it: 5 ms
    OmegaConf.get_cache(config)["iterun"] = {
        "sweep": sweep.folder, "stamp": sweep.stamp, "key": sweep.key,
    }  # fmt: skip
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.job.id = str(job.number)
        config.hydra.job.num = job.number
        if str(config.hydra.sweep.dir) != sweep.folder:
            config.hydra.sweep.dir = sweep.folder  # the user's own, with the time in it
    directory = os.path.join(sweep.folder, str(config.hydra.sweep.subdir))
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = os.path.abspath(directory)
    return config


def settings(config: DictConfig, choice: str | None = None) -> dict[str, Any]:
    """The config of a run, plain; with the name of its system.

    Args:
        config: of a job.
        choice: of `task=`, where Hydra's own node is cut off already.

    Raises:
        ConfigError: it can't be resolved, or has no task.
    """
    if choice is None and "hydra" in config:
        choice = config.hydra.runtime.choices.get("task")
    plain = to_plain(config)
    about = (plain["task"] or {}).get("about") or {}
    return with_system(plain, system_of(about.get("system"), choice))


@dataclass
class _Runs:
    """A job on its way to a run."""

    sweep: Sweep
    job: Asked
    listener: Listener
    settings: Mapping[str, Any]
    directory: Path

    def done(self, hydra: Any, run: Callable[[Job], Outcome]) -> JobRecord:
        """Do the run, or go on with the one there is.

        Args:
            hydra: the job's node of Hydra's own settings.
            run: does a run that is to be begun.
        """
        job = self._prepared(hydra)
        found = existing.better(
            existing.own(self.directory, job.record), there_is(job, Path(self.sweep.outputs))
        )
        if found is None:
            try:
                return self._record(run(job))
            except StoreError:
                found = existing.own(self.directory, job.record)
                if found is None or found.act != "alive":
                    raise
        record = self._record(take(found, self._heard, job.judge))
        record.note = found.act
        return record

    def _prepared(self, hydra: Any) -> Job:
        from hydra.core.utils import env_override

        sweep = self.sweep
        shared = kept.of(sweep)
        with env_override(hydra.job.env_set):
            job = prepared(
                self.settings, directory=self.directory, code=shared, kept=shared,
                argv=[*sweep.flags, *self.job.overrides],
                experiment=hydra.runtime.choices.get("experiment"),
                sweep={"id": sweep.id, "job": self.job.number}, extra=sweep.extra,
                threads=sweep.threads,
            )  # fmt: skip
        job.listener = self._heard
        job.judge = _judge(sweep, self.job.number)
        return job

    def _heard(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            record = self._begun(event.record.id, event.directory)
            record.state, record.length = "running", event.length
            sweeps.write_job(Path(self.sweep.folder), record)
        self.listener(event)

    def _begun(self, run: str, directory: Path) -> JobRecord:
        overrides = list(self.job.overrides)
        return JobRecord(
            number=self.job.number, overrides=overrides, run=run, directory=str(directory)
        )

    def _record(self, outcome: Outcome) -> JobRecord:
        record = self._begun(RunView(outcome.directory).id, outcome.directory)
        record.state, record.exit_status = outcome.state, outcome.exit_status
        record.reason, record.error = outcome.reason, outcome.error
        record.iterations = outcome.iterations
        if (summary := outcome.summary) is not None:
            record.metrics = dict(summary.last)
            metric = str((summary.objective or {}).get("metric"))
            record.objective = summary.last.get(metric)
            record.best = (summary.best or {}).get("value")
        return record


def _never_failing(sweep: Sweep, job: Asked, work: Callable[[], JobRecord]) -> JobRecord:
    """What `work` gives, or the record of its refusal; kept in the sweep's folder."""
    began = time.monotonic()
    record = JobRecord(number=job.number, overrides=list(job.overrides))
    try:
        record = work()
    except IterunError as error:
        record.state, record.exit_status = REFUSED, error.exit_status
        record.error = f"{error.message}\n{error.hint}".strip()
    except Exception as error:
        log.exception("job %d can't be run", job.number)
        record.state, record.exit_status = "failed", 1
        record.error = f"{type(error).__name__}: {error}"
    record.seconds = round(time.monotonic() - began, 3)
    try:
        sweeps.write_job(Path(sweep.folder), record)
    except IterunError as error:  # the run stands
        log.warning("%s", error.message)
    return record


def _judge(sweep: Sweep, number: int) -> Judge | None:
    if sweep.judge is None:
        return None
    from iterun.config.targets import locate_target

    settings = {key: value for key, value in sweep.judge.items() if key != "_target_"}
    judge: Judge = locate_target(sweep.judge["_target_"], "judge")(number=number, **settings)
    return judge

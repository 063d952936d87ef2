"""`hydra/launcher=submitit_slurm`: the jobs of a sweep as an array on a SLURM cluster.

The settings have the names that the plug-in hydra-submitit-launcher gives them; neither it nor
submitit is needed. A job is a number and its settings in a JSON file, what came of it stands in
the files it writes, and no pickle is made. Whoever waits for the jobs may leave and come back: the
same line with on_existing=resume waits for those that are in the queue, and submits the others.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, UnavailableError, raise_all
from iterun.launch.afar import done_before, forget
from iterun.launch.events import SweepRemark
from iterun.launch.launcher import Local
from iterun.launch.slurm import batch
from iterun.launch.slurm.queue import largest_array
from iterun.launch.slurm.waiting import Waiting
from iterun.store.schema import RUNNING
from iterun.store.sweeps import SUBMITTED, JobRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from iterun.launch.held import Held
    from iterun.launch.slurm.batch import Batch
    from iterun.launch.sweep import Asked, Sweep

_NO_SEARCHES = ("grid", "basic")  # sweepers that know all jobs from the beginning
_LEAST = {"timeout_min": 1, "signal_delay_s": 0, "max_num_timeout": 0, "array_parallelism": 1}


class Slurm(Local):
    """Submits jobs and waits for them, or leaves them to the cluster.

    Args:
        wait: until the jobs have ended.
        **settings: of conf/hydra/launcher/submitit_slurm.yaml, all of them.
    """

    def __init__(self, *, wait: bool = True, **settings: Any) -> None:
        super().__init__(**settings)
        self.wait = wait

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if shutil.which("sbatch") is None:
            raise UnavailableError(
                "hydra/launcher=submitit_slurm needs SLURM, and there is no sbatch here",
                hint="type the line on a login node of the cluster; hydra/launcher=joblib does "
                "the jobs on this machine",
            )
        raise_all(self._faults())

    def _faults(self) -> Iterator[ConfigError]:
        """Yield what is wrong with the settings by themselves."""
        for name in ("nodes", "tasks_per_node"):
            if self.settings.get(name) not in (None, 1):
                yield ConfigError(
                    f"hydra.launcher.{name}={self.settings[name]}: a run is one process",
                    hint="hydra.launcher.cpus_per_task and gpus_per_node give it more to work with",
                )
        for name, least in _LEAST.items():
            value = self.settings.get(name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                yield ConfigError(
                    f"hydra.launcher.{name}={value} is not a whole number of at least {least}",
                    hint=f"as in hydra.launcher.{name}={max(least, 60)}",
                )
        if not self.wait and self.account.record.sweeper not in _NO_SEARCHES:
            yield ConfigError(
                "hydra.launcher.wait=false: a search asks for jobs by what those before them gave",
                hint="leave hydra.launcher.wait=false out",
            )

    def check(self, asked: Sequence[Asked]) -> None:
        super().check(asked)
        batch.probe(self.settings, Path(self.task.sweep.folder))

    def workers(self, n_jobs: int) -> int:
        return 0

    def each(self, sweep: Sweep, asked: Sequence[Asked], held: Held) -> Iterator[JobRecord]:
        folder = Path(sweep.folder)
        waiting = Waiting(folder, self.account)
        left: list[Asked] = []
        waiting.adopt(batch.submitted(folder), asked)
        for job in asked:
            if job.number in waiting:
                continue
            if (record := done_before(folder, job)) is not None:
                yield record
            else:
                left.append(job)
        if n := len(waiting):
            self._say(f"{_jobs(n)} of before: in the queue, or running there already")
        for some in self._submitted(sweep, left):
            waiting.add(some)
        if self.wait:
            yield from waiting.each(held)
        if len(waiting):
            self._say(_left(sweep, waiting))
            yield from [_there(job) for job in waiting.jobs]

    def _submitted(self, sweep: Sweep, jobs: Sequence[Asked]) -> Iterator[Batch]:
        """Submit jobs, in as many arrays as SLURM's largest makes necessary."""
        most = largest_array() if jobs else 1
        for k in range(0, len(jobs), most):
            some = jobs[k : k + most]
            forget(Path(sweep.folder), some)
            found = batch.submit(sweep, some, self.settings)
            self._say(f"{_jobs(len(some))} submitted: SLURM's array {found.array}")
            yield found

    def _say(self, text: str) -> None:
        self.account.tell(SweepRemark(text))


def _left(sweep: Sweep, waiting: Waiting) -> str:
    return (
        f"{_jobs(len(waiting))} stay on the cluster; follow them: iterun watch sweep={sweep.id}; "
        f"cancel them, with checkpoints: scancel {' '.join(waiting.arrays)}"
    )


def _there(job: Asked) -> JobRecord:
    """The record of a job that nobody waits for any more."""
    overrides = list(job.overrides)
    return JobRecord(number=job.number, overrides=overrides, state=RUNNING, note=SUBMITTED)


def _jobs(n: int) -> str:
    return f"{n} job{'s' * (n != 1)}"

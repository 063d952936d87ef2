"""How a launcher of ours is made, and the one that does a sweep's jobs in this process.

A launcher for another place is a subclass of `Local` with one method:

    def each(self, sweep, jobs, held):
        # has `jobs.do(sweep, job)` done for each of `jobs`, wherever it is to be done; calls
        # self.account.started(job) when one begins, yields its JobRecord when it has ended, in any
        # order. If `held.caught` is set, jobs that run get that signal, no other one begins, and
        # it returns when those have ended.

and, where jobs share this machine, `workers(n_jobs)`: how many at a time. Everything else is the
same everywhere: all configs are checked before the first job, threads are divided, records kept,
signals held back. A file `conf/hydra/launcher/NAME.yaml` names the class (`launch/plugins.py`).

A sweeper calls `launch(batch, initial_job_idx)` as any Hydra launcher's, and gets `Done` back, a
`JobReturn` with `record` (state, objective, metrics, exit status, directory) besides. A sweeper of
ours may set `launcher.refuses_all = False` first: then a job whose config is refused has the state
`refused`, where a grid is refused whole, before anything ran. `task.sweep` may be replaced between
two batches, to have a `judge` complete jobs early.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from iterun.core.progress import RunStarted
from iterun.launch import device, home, jobs
from iterun.launch.checks import check
from iterun.launch.held import Held
from iterun.launch.sweep import Asked
from iterun.launch.task import Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from iterun.core.progress import Event
    from iterun.launch.account import Account
    from iterun.launch.checks import Checked
    from iterun.launch.sweep import Sweep
    from iterun.store.sweeps import JobRecord


@dataclass
class Done(JobReturn):
    """A job's end as Hydra's sweepers know it, and as ours do."""

    record: JobRecord | None = None


class Local(Launcher):
    """Does one job after the other in this process: what was imported and loaded stays.

    Args:
        **settings: of the file in conf/hydra/launcher.
    """

    task: Task

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.refuses_all = True
        self.checked: Checked | None = None

    @property
    def account(self) -> Account:
        """Keeps the records."""
        assert self.task.account is not None
        return self.task.account

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(task_function, Task)
        self.task = task_function
        home.remember(self.task.sweep, hydra_context)

    @property
    def objective(self) -> Mapping[str, Any] | None:
        """That of all jobs, as far as they were checked."""
        return self.checked.objective if self.checked else None

    def check(self, asked: Sequence[Asked]) -> None:
        """Check the configs of all jobs; `launch` doesn't do it again.

        Raises:
            ConfigError: every fault, and of which jobs it is.
        """
        self.checked = check(self.task.sweep, asked)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Do jobs; how each ended, in their order.

        Raises:
            ConfigError: a config can't be used; nothing was begun.
            SystemExit: a signal came; what ended until then stands in the account.
        """
        asked = [Asked(initial_job_idx + n, tuple(it)) for n, it in enumerate(job_overrides)]
        sweep = self.task.sweep
        if self.refuses_all and self.checked is None:
            self.check(asked)
        workers = self.workers(len(asked))
        threads = max(1, device.cores() // workers) if workers > 1 else None
        sweep = replace(sweep, threads=threads)
        self.account.begin(workers=workers, threads=threads, objective=self.objective)
        self.account.asked(asked)
        with Held() as held:
            for record in self.each(sweep, asked, held):
                self.account.end(record)
        if held.caught is not None:
            raise SystemExit(128 + held.caught)
        return [_done(self.account.ended[job.number]) for job in asked]

    def workers(self, n_jobs: int) -> int:
        """How many jobs at a time; 0: somebody else decides, on other machines."""
        return 1

    def each(self, sweep: Sweep, asked: Sequence[Asked], held: Held) -> Iterator[JobRecord]:
        """Do the jobs; yield each when it has ended."""
        for job in asked:
            if held.caught is not None:
                return
            self.account.started(job)
            record = jobs.do(sweep, job, partial(self._heard, job.number, held))
            if record.exit_status > 128:
                held.note(record.exit_status - 128)
            yield record

    def _heard(self, number: int, held: Held, event: Event) -> None:
        self.account.told(number, event)
        if isinstance(event, RunStarted) and held.caught is not None:
            signal.raise_signal(held.caught)  # it came before the run could hear it


def _done(record: JobRecord) -> Done:
    done = Done(overrides=record.overrides, status=JobStatus.COMPLETED, record=record)
    done.return_value = record.objective
    return done

"""What Hydra calls the task function of a sweep.

Our own launchers take the sweep from it and do its jobs by `jobs.do`. Others call it with a config
that Hydra made: that is one job too. It travels to another process without the account.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from iterun.core.progress import ignore
from iterun.launch import jobs
from iterun.launch.sweep import Asked

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from iterun.launch.account import Account
    from iterun.launch.sweep import Sweep


class Task:
    """Does one job a call.

    Args:
        sweep: what it belongs to.
        account: in the process that began the sweep.
    """

    def __init__(self, sweep: Sweep, account: Account | None = None) -> None:
        self.sweep = sweep
        self.account = account

    def __call__(self, config: DictConfig) -> float | None:
        """Do the job; its objective's last value, which sweepers that optimise look at.

        Raises:
            SystemExit: it was interrupted, and the sweep ends with it.
        """
        from hydra.core.hydra_config import HydraConfig

        hydra = HydraConfig.get()
        job = Asked(int(hydra.job.num), tuple(hydra.overrides.task))
        listener: Any = ignore
        if self.account is not None:
            self.account.begin()
            self.account.asked([job])
            self.account.started(job)
            listener = partial(self.account.told, job.number)
        record = jobs.do_composed(self.sweep, job, config, hydra, listener)
        if self.account is not None:
            self.account.end(record)
        if record.exit_status > 128:
            raise SystemExit(record.exit_status)
        return record.objective

    def __reduce__(self) -> tuple[Any, ...]:
        return Task, (self.sweep,)

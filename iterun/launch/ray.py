"""`hydra/launcher=ray`: the jobs of a sweep as tasks of Ray, on this machine or a cluster.

A task does one job; Ray keeps its workers, and with them what they imported and loaded. All nodes
see the same `outputs/`: what jobs reach is read from there, and a signal is passed on by a file,
since Ray's own way to cancel a task ends it before its checkpoint is written. A job whose worker
or node is lost is done again, and goes on in its run directory.
"""

from __future__ import annotations

import logging
import os
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.core.signals import CAUGHT
from iterun.errors import ConfigError
from iterun.launch import device
from iterun.launch.afar import done_before, forget
from iterun.launch.events import SweepRemark
from iterun.launch.launcher import Local
from iterun.launch.ray_worker import entry

# Read when Ray is imported: it tells nobody that it is used, and has no advice on GPUs to give.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray

from iterun.launch.ray_tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.launch.held import Held
    from iterun.launch.sweep import Asked, Sweep
    from iterun.store.sweeps import JobRecord


class Ray(Local):
    """Does jobs on a Ray cluster.

    Args:
        address: null: a Ray of our own on this machine; "auto": the cluster that this machine is
            part of; else its address.
        num_cpus: of a job; backend.threads=auto takes as many.
        num_gpus: of a job; 0.5: two jobs share one.
        resources: further ones of a job, by the names that the cluster gives them.
        max_retries: how often a job is done again whose worker or node was lost.
        runtime_env: of the workers, as Ray has it.
        init: further arguments of ray.init.
    """

    def __init__(
        self, *, address: str | None, num_cpus: float, num_gpus: float, max_retries: int,
        resources: dict[str, float] | None = None, runtime_env: dict[str, Any] | None = None,
        init: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(max_retries=max_retries)
        self.address = address
        self.needs: dict[str, Any] = {"num_cpus": num_cpus, "num_gpus": num_gpus}
        self.resources = dict(resources or {})
        self.max_retries = max_retries
        self.runtime_env = dict(runtime_env or {})
        self.init = {key: value for key, value in (init or {}).items() if value is not None}
        self._remark = ""

    def check(self, asked: Sequence[Asked]) -> None:
        super().check(asked)
        self._start()

    def workers(self, n_jobs: int) -> int:
        for key, value in self.needs.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ConfigError(
                    f"hydra.launcher.{key}={value} is no number from 0",
                    hint=f"as in hydra.launcher.{key}=1",
                )
        if self.address is not None or not self.needs["num_cpus"]:
            return 0
        return max(1, min(n_jobs, int(self._cores() / self.needs["num_cpus"])))

    def each(self, sweep: Sweep, asked: Sequence[Asked], held: Held) -> Iterator[JobRecord]:
        folder, left = Path(sweep.folder), []
        for job in asked:
            if (record := done_before(folder, job)) is not None:
                yield record
            else:
                left.append(job)
        if left:
            self._start()
            if self._remark:
                self.say(self._remark)
            forget(folder, left)
            yield from Tasks(self, sweep, held).each(left)

    def remote(self) -> Any:
        """The function that does a job, with what it needs."""
        return ray.remote(entry()).options(
            **self.needs, resources=self.resources, max_retries=0, scheduling_strategy="SPREAD",
            name="iterun", runtime_env=self.runtime_env or None,
        )  # fmt: skip

    def say(self, text: str) -> None:
        """Tell the user something."""
        self.account.tell(SweepRemark(text))

    def _cores(self) -> int:
        return int(self.init.get("num_cpus") or device.cores())

    def _start(self) -> None:
        """Connect to the cluster, or start one; it is there until the sweep is over."""
        if ray.is_initialized():
            return
        settings: dict[str, Any] = {
            "address": self.address or "local", "include_dashboard": None, "log_to_driver": False,
            "logging_level": logging.ERROR, **self.init,
        }  # fmt: skip
        if self.address is None:
            settings |= {"num_cpus": self._cores(), "include_dashboard": False, **self.init}
        self.account.at_end(ray.shutdown)
        with _signals_kept():
            try:
                ray.init(**settings)
            except (ConnectionError, ValueError) as error:
                raise ConfigError(
                    f"hydra.launcher.address={self.address}: {error}",
                    hint="`ray status` on this machine shows whether it is part of a cluster; "
                    "without an address a Ray of our own is started",
                ) from error
        self._fits()

    def _fits(self) -> None:
        """See whether a job fits on a node at all.

        Raises:
            ConfigError: on none, and there is nobody to add one.
        """
        needed = {"CPU": self.needs["num_cpus"], "GPU": self.needs["num_gpus"], **self.resources}
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        if any(all(node.get(k, 0) >= n for k, n in needed.items()) for node in nodes):
            return
        asked = ", ".join(f"{n:g} {kind}" for kind, n in needed.items() if n)
        if self.address is None:
            raise ConfigError(
                f"hydra/launcher=ray: a job needs {asked}, and this machine has fewer",
                hint="ask for less with hydra.launcher.num_cpus and hydra.launcher.num_gpus",
            )
        self._remark = f"no node of the cluster has {asked}: the jobs wait until one comes"


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep our handlers: ray.init sets one of its own for SIGTERM."""
    before = {number: signal.getsignal(number) for number in CAUGHT}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError):  # another thread than the main one
                signal.signal(number, handler)

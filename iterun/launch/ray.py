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
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.core.signals import CAUGHT
from iterun.errors import ConfigError
from iterun.launch import device
from iterun.launch.afar import Afar, done_before, forget, last_record, state_of
from iterun.launch.launcher import Local
from iterun.launch.ray_worker import STOP, entry, packed
from iterun.launch.search.events import StudyRemark
from iterun.store import disk, sweeps
from iterun.store.schema import INTERRUPTED, RUNNING
from iterun.store.sweeps import JobRecord

# Read when Ray is imported: it tells nobody that it is used, and leaves GPUs of others alone.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")

import ray
from ray.exceptions import RayError, RayTaskError, RuntimeEnvSetupError, TaskUnschedulableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.launch.held import Held
    from iterun.launch.sweep import Asked, Sweep

_LOOK = 0.2  # seconds between two looks at signals
_FILES = 0.5  # seconds between two looks at the files
_LEAVE = 4.0  # seconds that workers may take to leave after a second Ctrl-C
_FINAL = (RayTaskError, RuntimeEnvSetupError, TaskUnschedulableError)  # would be so again


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
        self.needs = {"num_cpus": num_cpus, "num_gpus": num_gpus}
        self.resources = dict(resources or {})
        self.max_retries = max_retries
        self.runtime_env = dict(runtime_env or {})
        self.init = dict(init or {})
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
            yield from _Tasks(self, sweep, held).each(left)

    def remote(self) -> Any:
        """The function that does a job, with what it needs."""
        return ray.remote(entry()).options(
            **self.needs, resources=self.resources, max_retries=0, scheduling_strategy="SPREAD",
            name="iterun", runtime_env=self.runtime_env or None,
        )  # fmt: skip

    def say(self, text: str) -> None:
        """Tell the user something."""
        self.account.tell(StudyRemark(text))

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


class _Tasks:
    """The tasks of a sweep."""

    def __init__(self, launcher: Ray, sweep: Sweep, held: Held) -> None:
        self._launcher = launcher
        self._sweep = sweep
        self._folder = Path(sweep.folder)
        self._held = held
        self._afar = Afar(self._folder, launcher.account)
        self._remote = launcher.remote()
        self._jobs: dict[int, Asked] = {}
        self._tasks: dict[Any, int] = {}
        self._again: list[int] = []  # lost with their worker, to be done again
        self._retries: dict[int, int] = {}
        self._passed = 0  # signals passed on

    def each(self, asked: Sequence[Asked]) -> Iterator[JobRecord]:
        self._stop().unlink(missing_ok=True)
        self._jobs = {job.number: job for job in asked}
        for number in self._jobs:
            self._submit(number)
        looked = float("-inf")
        while self._tasks or (self._again and self._held.caught is None):
            ended, _ = ray.wait(list(self._tasks), timeout=_LOOK) if self._tasks else ([], [])
            yield from self._ended(ended)
            self._pass_on()
            if time.monotonic() - looked >= _FILES:
                looked = time.monotonic()
                self._afar.look(self._jobs)
                self._retry()
        yield from [self._lost(number, "its worker was lost") for number in self._again]

    def _submit(self, number: int) -> None:
        threads = max(1, int(self._launcher.needs["num_cpus"]))
        task = self._remote.remote(*packed(self._sweep, self._jobs[number], threads))
        self._tasks[task] = number

    def _ended(self, tasks: Sequence[Any]) -> Iterator[JobRecord]:
        for task in tasks:
            number = self._tasks.pop(task)
            try:
                body = ray.get(task)
            except RayError as error:
                if not self._may_go_on(number, error):
                    yield self._lost(number, _said(error))
                continue
            self._afar.look(self._jobs)
            self._afar.end(number)
            if body is not None:
                yield JobRecord.from_json(body)

    def _may_go_on(self, number: int, error: RayError) -> bool:
        """Note that a job is to be done again."""
        n = self._retries.get(number, 0)
        final = isinstance(error, _FINAL) or self._held.caught is not None
        if final or n >= self._launcher.max_retries:
            return False
        self._retries[number] = n + 1
        self._again.append(number)
        self._launcher.say(f"job {number} is done again: {_said(error)}")
        return True

    def _retry(self) -> None:
        """Do lost jobs again whose run nobody is at any more, as far as can be seen from here."""
        if self._held.caught is not None:
            return
        for number in list(self._again):
            if state_of(last_record(self._folder, self._jobs[number])) != RUNNING:
                self._again.remove(number)
                self._submit(number)

    def _lost(self, number: int, said: str) -> JobRecord:
        """The record of a job that gave none: as its directory says."""
        self._afar.end(number)
        record = last_record(self._folder, self._jobs[number])
        record.state, record.exit_status, record.error = "lost", 1, said
        if state_of(record) == INTERRUPTED:
            record.state, record.exit_status, record.error = INTERRUPTED, 130, None
        with suppress(OSError):
            sweeps.write_job(self._folder, record)
        return record

    def _pass_on(self) -> None:
        """Have jobs leave with a checkpoint; after a second Ctrl-C without one."""
        caught = self._held.caught
        if caught is None or self._passed == 2:
            return
        if self._passed == 0:
            self._passed = 1
            running = len(self._tasks)
            self._launcher.account.stopping(caught, running)
            self._tell([caught])
        if self._held.again:
            self._passed = 2
            self._tell([caught, signal.SIGINT])
            ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=_LEAVE)
            for task in self._tasks:
                ray.cancel(task, force=True)

    def _tell(self, numbers: Sequence[signal.Signals]) -> None:
        disk.write_beside(self._stop(), bytes(numbers), durable=False)

    def _stop(self) -> Path:
        return self._folder / STOP


def _said(error: RayError) -> str:
    """Ray's error as one sentence."""
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    text = str(error).strip() or type(error).__name__
    return text.partition("\n")[0].partition(". ")[0]


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

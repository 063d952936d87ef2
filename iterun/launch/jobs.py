"""What Hydra calls for each job: a run; and the account of a sweep."""

from __future__ import annotations

import logging
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from iterun.config.compose import to_plain
from iterun.core.progress import Remark
from iterun.errors import IterunError
from iterun.launch.local import discard, launch, with_system
from iterun.launch.naming import system_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hydra.conf import HydraConf
    from omegaconf import DictConfig

    from iterun.core.job import Outcome
    from iterun.core.progress import Listener
    from iterun.launch.git import Look

log = logging.getLogger(__name__)

Mode = Literal["run", "multirun", "resume"]


class SweepError(IterunError):
    """Some jobs of a sweep failed; the others are done."""


@dataclass(kw_only=True)
class Jobs:
    """The task function: one run a call.

    Args:
        argv: the line as typed.
        outputs: where runs live.
        make_listener: called with "run" or "multirun", once for each job.
        flags: options that repeat a job: --config-dir and the like.
        extra: further folders with groups.
    """

    argv: Sequence[str]
    outputs: Path
    make_listener: Callable[[Mode], Listener]
    flags: Sequence[str] = ()
    extra: Sequence[Path] = ()
    look: Look | None = None  #: at the user's repository; the first job's
    outcome: Outcome | None = None  #: of the last job
    error: Exception | None = None  #: that kept the last job from being a run
    failures: list[str] = field(default_factory=list)  #: of a sweep's jobs
    started: int = 0

    def __call__(self, config: DictConfig) -> float | None:
        """Do the run; its objective's last value, which sweepers that optimise look at.

        Raises:
            SystemExit: a job of a sweep was interrupted, and the sweep ends with it.
        """
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        self.outcome, self.error = None, None
        self.started += 1
        hydra = HydraConfig.get()
        directory = Path(hydra.runtime.output_dir)
        if hydra.mode == RunMode.MULTIRUN:
            return self._job_of_sweep(config, hydra, directory)
        try:
            self.outcome = self._launch(config, hydra, directory, self.argv, self._listener("run"))
        except Exception as error:
            self.error = error  # Hydra keeps it for itself
            raise
        return None

    def _job_of_sweep(self, config: DictConfig, hydra: HydraConf, directory: Path) -> float | None:
        number, words = int(hydra.job.num), [*self.flags, *hydra.overrides.task]
        listener = self._listener("multirun")
        listener(Remark(f"job {number}: {shlex.join(hydra.overrides.task)}"))
        sweep = {"id": Path(str(hydra.sweep.dir)).name, "job": number}
        try:
            outcome = self._launch(config, hydra, directory, words, listener, sweep)
        except IterunError as error:
            self._failed(number, words, f"refused: {error.message}")
            return None
        except Exception as error:
            log.exception("job %d can't be run", number)
            self._failed(number, words, f"{type(error).__name__}: {error}")
            return None
        if outcome.state == "interrupted":
            raise SystemExit(outcome.exit_status)
        if outcome.exit_status:
            said = (outcome.error or outcome.reason or outcome.state).partition("\n")[0]
            self._failed(number, words, f"{outcome.state}: {said}")
        return _objective(outcome)

    def _launch(
        self, config: DictConfig, hydra: HydraConf, directory: Path, argv: Sequence[str],
        listener: Listener, sweep: dict[str, Any] | None = None,
    ) -> Outcome:  # fmt: skip
        choices = hydra.runtime.choices
        look, self.look = self.look, None
        done = False
        try:
            plain = to_plain(config)
            about = (plain["task"] or {}).get("about") or {}
            system = system_of(about.get("system"), choices.get("task"))
            outcome = launch(
                with_system(plain, system), directory=directory, argv=argv, listener=listener,
                experiment=choices.get("experiment"), sweep=sweep, extra=self.extra, look=look,
            )  # fmt: skip
            done = True
        finally:
            if not done:
                discard(directory, self.outputs)
        return outcome

    def _listener(self, mode: Mode) -> Listener:
        return self.make_listener(mode)

    def _failed(self, number: int, words: Sequence[str], said: str) -> None:
        self.failures.append(f"job {number} {said}\n  repeat it: {shlex.join(['iterun', *words])}")

    def verdict(self) -> SweepError | None:
        """What is to be said of a sweep at its end: nothing, or which jobs failed."""
        if not self.failures:
            return None
        return SweepError(
            f"{len(self.failures)} of {self.started} jobs failed\n" + "\n".join(self.failures),
            hint="mend what each says and repeat it; the other jobs' runs stand: iterun ls",
        )


def _objective(outcome: Outcome) -> float | None:
    summary = outcome.summary
    if summary is None or not summary.objective:
        return None
    return summary.last.get(str(summary.objective["metric"]))

"""The sweeper of `hydra/sweeper=optuna`: asks a study for trials, has their jobs done, tells it.

    iterun -m hydra/sweeper=optuna task=prune/perp 'task.sparsity=interval(0.3,0.9)' seed=1,2

The jobs are those of any sweep, done by any launcher. What is optuna's stays in the modules beside
this one.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper

from iterun.errors import ConfigError
from iterun.launch import home
from iterun.launch.checks import check
from iterun.launch.events import SweepRemark
from iterun.launch.naming import sweep_stamp
from iterun.launch.search import early, events, values
from iterun.launch.search.findings import findings
from iterun.launch.search.plan import planned
from iterun.launch.search.samplers import GRID
from iterun.launch.search.space import OneOf, Space, parse
from iterun.launch.search.study import Trials, find
from iterun.launch.sweep import Asked
from iterun.launch.task import Task
from iterun.store import sweeps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

    from iterun.launch.account import Account
    from iterun.store.sweeps import JobRecord
_ENOUGH = 5  #: trials before their failures are weighed


class OptunaSweeper(Sweeper):
    """A search for good settings.

    Args:
        **settings: of conf/hydra/sweeper/optuna.yaml.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        assert isinstance(task_function, Task)
        self.task = task_function
        self.hydra_context = hydra_context
        self.config = config
        launcher: Any = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        launcher.refuses_all = False  # one that isn't ours doesn't look at it
        self.launcher = launcher

    @property
    def account(self) -> Account:
        """Keeps the records of the jobs."""
        assert self.task.account is not None
        return self.task.account

    def sweep(self, arguments: list[str]) -> Any:
        """Do the trials that the study lacks; what it has come to.

        Raises:
            ConfigError: the line can't be searched; nothing was begun.
            SystemExit: a signal came; what is done is told.
        """
        settings = self._settings()
        words = [*(f"{k}={v}" for k, v in (settings["params"] or {}).items()), *arguments]
        with home.at(self.task.sweep) as loader:
            space = parse(words, loader)
        objective = self._checked(space)
        plan = planned(words, space, objective, settings)
        trials = Trials(find(Path(self.task.sweep.folder), plan), plan, space)
        self._join(trials)
        self.account.begin(workers=self._workers(space), objective=objective)
        trials.note()
        self._tell_of_all(trials)
        self._tell_of_old(trials)
        try:
            self._search(trials, settings["n_jobs"], settings["max_failure_rate"])
        finally:
            found = findings(trials, self.account.options())
            self.account.is_search = bool(found.best)
            trials.note(**found.to_json())
            self.account.tell(events.StudyEnded(found, trials.folder))
        return found

    # What is asked for.

    def _settings(self) -> dict[str, Any]:
        from omegaconf import OmegaConf

        plain: dict[str, Any] = {
            key: OmegaConf.to_container(it, resolve=True) if OmegaConf.is_config(it) else it
            for key, it in self.settings.items()
        }
        for key in ("n_trials", "n_jobs"):
            if not (isinstance(plain[key], int) and plain[key] >= 1):
                raise ConfigError(
                    f"hydra.sweeper.{key}={plain[key]} is not a whole number of at least 1",
                    hint=f"as in hydra.sweeper.{key}=20",
                )
        for node in ("sampler", "pruner"):
            if not isinstance(plain[node], dict):
                raise ConfigError(
                    f"hydra.sweeper.{node}={plain[node]} is a group's choice",
                    hint=f"as in hydra/sweeper/{node}={plain[node]}",
                )
        return plain

    def _checked(self, space: Space) -> Mapping[str, Any] | None:
        """Check a job from the middle of the space, and each choice; the objective of them all.

        Raises:
            ConfigError: what is wrong with every trial, or with one of the choices.
        """
        usual = space.middle()
        points = [usual] + [
            usual | {key: text}
            for key, d in space.dimensions.items()
            if isinstance(d, OneOf)
            for text in d.texts[1:]
        ]
        sweep = self.task.sweep
        jobs = [Asked(n, tuple(space.lines(point)[0])) for n, point in enumerate(points)]
        return check(sweep, jobs).objective

    def _join(self, trials: Trials) -> None:
        """Make the study's sweep this one, and have its jobs report to it."""
        folder, sweep = trials.folder, self.task.sweep
        judge = None
        if trials.plan.pruner["name"] != "none":
            judge = early.settings(
                url=trials.url,
                study=trials.study.study_name,
                pruner=trials.plan.pruner,
                metric=next(iter(trials.plan.metrics)),
                n_jobs=trials.space.n_jobs,
            )
        self.task.sweep = replace(
            sweep,
            id=folder.name,
            folder=str(folder),
            stamp=sweep_stamp(folder) or sweep.stamp,
            judge=judge,
        )
        self.account.sweep, self.account.record.id = self.task.sweep, folder.name

    def _workers(self, space: Space) -> int:
        count = getattr(self.launcher, "workers", None)
        return int(count(self.settings["n_jobs"] * space.n_jobs)) if count else 1

    # The search.

    def _tell_of_all(self, trials: Trials) -> None:
        plan, k = trials.plan, trials.space.n_jobs
        left = trials.missing() + len(trials.stale())
        each = f" of {k} seeds" if k > 1 else ""
        early = f", pruned by {plan.pruner['name']}" if plan.pruner["name"] != "none" else ""
        sampler = f"{plan.sampler['name']}, seed {trials.seed}"
        if plan.sampler["name"] == GRID:
            sampler = GRID
        text = f"{trials.most} trials{each} by {sampler}{early}"
        self.account.tell(events.StudyStarted(text, left * k))

    def _tell_of_old(self, trials: Trials) -> None:
        """Say what there is already; go on with trials that a kill cut short, or give them up."""
        if trials.is_new:
            return
        over = [t for t in trials.every() if t.state.is_finished()]
        self._say(
            f"the study {trials.study.study_name} goes on: {len(over)} of {trials.most} trials "
            "are done"
        )
        if elsewhere := trials.elsewhere():
            self._say(
                f"trials that other processes are at: {elsewhere} (hydra.sweeper.take_over=true "
                "goes on here with those of other machines)"
            )
        stale = trials.stale()
        for trial in stale:
            if trials.plan.goes_on and trials.is_proposed(trial):
                self._say(f"trial {trial.number} was cut short when its process was killed: "
                          "it goes on")  # fmt: skip
                trials.take(trial)
                self._do(trials, [trial.number])
            else:
                goes = "" if trials.plan.goes_on else "; on_existing=resume would go on with it"
                self._say(
                    f"trial {trial.number} was cut short when its process was killed: it counts as "
                    f"lost, and another one is done{goes}"
                )
                trials.give_up(trial)

    def _search(self, trials: Trials, n_jobs: int, max_failure_rate: float) -> None:
        while missing := trials.missing():
            asked = [trials.ask().number for _ in range(min(missing, n_jobs))]
            self._do(trials, asked)
            over, failed = trials.failures()
            if over >= _ENOUGH and failed > max_failure_rate * over:
                self._say(
                    f"more than {max_failure_rate:.0%} of the trials failed "
                    f"(hydra.sweeper.max_failure_rate={max_failure_rate}): the search ends here"
                )
                return

    def _do(self, trials: Trials, numbers: Sequence[int]) -> None:
        """Have the jobs of some trials done, and tell the study."""
        try:
            for batch in _in_a_row(numbers):
                lines = [
                    line
                    for number in batch
                    for line in trials.space.lines(trials.every()[number].params)
                ]
                assert self.launcher is not None
                self.launcher.launch(lines, initial_job_idx=trials.jobs(batch[0])[0])
        finally:  # a signal ends the sweep here, and what is done is done
            for number in numbers:
                records = [self._record(trials, job) for job in trials.jobs(number)]
                over = [record for record in records if values.is_over(record)]
                if len(over) == len(records):
                    values.tell(trials, number, over)

    def _record(self, trials: Trials, job: int) -> JobRecord | None:
        found = self.account.ended.get(job)
        return found if found is not None else sweeps.read_job(trials.folder, job)

    def _say(self, text: str) -> None:
        self.account.tell(SweepRemark(text))


def _in_a_row(numbers: Sequence[int]) -> list[list[int]]:
    """Runs of numbers that follow one another: another process may have taken some between."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return found

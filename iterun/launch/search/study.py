"""A study and its trials: opened or gone on with, asked, told; optuna's, with our rules.

Trial t has the jobs t*k ... t*k + k - 1 of its sweep, k being the number of seeds, so that a study
that goes on never gives a number twice. Who is at a trial stands in it as `owner`: a trial whose
process is gone is stale.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.launch.search import samplers, storage
from iterun.launch.search.samplers import optuna
from iterun.store import disk, paths, process
from iterun.store.schema import RUNNING, Status, decode, encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from optuna import Study, Trial
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from iterun.launch.search.plan import Plan
    from iterun.launch.search.space import Space

STUDY = "study.json"  #: in the sweep's folder: what the study is, and at its end what it found
ABOUT = "iterun"  #: attribute of a study: the sweep it belongs to, its line, metrics and seed
OWNER, LOST, WHY, RUNS = "owner", "lost", "why", "runs"  #: attributes of a trial
_GOALS = {"min": "minimize", "max": "maximize"}
_MOMENT = 60.0  #: seconds


def find(folder: Path, plan: Plan) -> Path:
    """The sweep's folder: that of the study to go on with, else the new one.

    Args:
        folder: the new one; its neighbours are looked at.
        plan: what the line asks for.
    """
    if folder.parent.name != paths.SWEEPS:
        return folder
    for found in sorted(folder.parent.glob(f"*/{STUDY}"), reverse=True):
        said = _read(found)
        if plan.name is not None and said.get("name") == plan.name:
            return found.parent
        if plan.name is None and plan.goes_on and said.get("line") == list(plan.line):
            return found.parent
    return folder


class Trials:
    """One study in its folder.

    Args:
        folder: the sweep's.
        plan: what the line asks for.
        space: what may vary.

    Raises:
        ConfigError: the study there is one of another line, or can't be opened.
    """

    def __init__(self, folder: Path, plan: Plan, space: Space) -> None:
        self.plan, self.space = plan, space
        self._me = _me()
        self._distributions = space.distributions()
        self._grid = space.grid() if plan.sampler.get("name") == samplers.GRID else []
        self.most = min(plan.n_trials, len(self._grid)) if self._grid else plan.n_trials
        self.url = storage.url_of(plan.storage, folder)
        name = plan.name or str(_read(folder / STUDY).get("name") or folder.name)
        self.study = _opened(self.url, name, plan)
        self.is_new = ABOUT not in self.study.user_attrs
        asked = plan.sampler.get("seed")
        if self.is_new:
            about = {
                "sweep": folder.name,
                "line": list(plan.line),
                "metrics": list(plan.metrics),
                "seed": secrets.randbits(31) if asked is None else asked,
            }
            self.study.set_user_attr(ABOUT, about)
        kept = self.study.user_attrs[ABOUT]
        self._refuse_another(kept)
        self.folder = folder.parent / kept["sweep"]
        self.seed = int(kept["seed"] if asked is None else asked)

    def note(self, **more: Any) -> None:
        """Write study.json."""
        about = {
            "name": self.study.study_name,
            "storage": self.url if "@" not in self.url else self.url.partition(":")[0],
            "line": list(self.plan.line),
            "metrics": dict(self.plan.metrics),
            "sampler": dict(self.plan.sampler) | {"seed": self.seed},
            "pruner": dict(self.plan.pruner),
            "n_trials": self.most,
            "seeds": list(self.space.seeds),
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        disk.write_beside(self.folder / STUDY, encode(about | more) + b"\n", durable=False)

    def missing(self) -> int:
        """How many trials are still to be begun; those that a kill cut short don't count."""
        return max(0, self.most - sum(map(_counts, self._all())))

    def stale(self) -> list[FrozenTrial]:
        """Trials said to go on whose process is gone."""
        states = optuna().trial.TrialState
        return [t for t in self._all() if t.state == states.RUNNING and not self._is_alive(t)]

    def elsewhere(self) -> int:
        """How many trials another process is at."""
        states = optuna().trial.TrialState
        running = [t for t in self._all() if t.state == states.RUNNING and self._is_alive(t)]
        return sum(t.user_attrs.get(OWNER) != self._me for t in running)

    def is_proposed(self, trial: FrozenTrial) -> bool:
        """Whether it has all its settings: a kill may come while they are drawn."""
        return set(self._distributions) <= set(trial.params)

    def take(self, stale: FrozenTrial) -> Trial:
        """A stale trial, to be gone on with by this process."""
        trial = storage.trial(self.study, stale.number)
        trial.set_user_attr(OWNER, self._me)
        return trial

    def give_up(self, stale: FrozenTrial) -> None:
        """Tell a stale trial as failed; another one takes its place."""
        self.fail(stale.number, "its process was killed", is_lost=True)

    def ask(self) -> Trial:
        """The next trial.

        It stands in the storage with its owner before its settings are drawn, which can take
        seconds: one that is killed meanwhile is known as stale at once.
        """
        waiting = [t.number for t in self._all() if t.state == optuna().trial.TrialState.WAITING]
        number = waiting[0] if waiting else len(self._all())
        if not waiting:
            self.study.enqueue_trial({}, user_attrs={OWNER: self._me})
        self.study.sampler = self._sampler(number)
        trial = self.study.ask(self._distributions)
        trial.set_user_attr(OWNER, self._me)
        return trial

    def _sampler(self, number: int) -> BaseSampler:
        if self._grid:
            from iterun.launch.search.points import Points

            return Points(self._grid, _counts)
        return samplers.sampler(self.plan.sampler, samplers.seed_of(self.seed, number))

    def jobs(self, number: int) -> list[int]:
        """The numbers of a trial's jobs."""
        k = self.space.n_jobs
        return [number * k + n for n in range(k)]

    def complete(self, number: int, values: Sequence[float], runs: Sequence[str]) -> None:
        """Tell what a trial came to."""
        self._tell(number, {RUNS: list(runs)}, values=list(values))

    def prune(self, number: int, runs: Sequence[str]) -> None:
        """Tell that a trial was ended early; its last value stands."""
        self._tell(number, {RUNS: list(runs)}, state=optuna().trial.TrialState.PRUNED)

    def fail(
        self, number: int, why: str, runs: Sequence[str] = (), *, is_lost: bool = False
    ) -> None:
        """Tell that a trial has no value; one that is lost is done by another."""
        attributes = {WHY: why, RUNS: list(runs), LOST: is_lost}
        self._tell(number, attributes, state=optuna().trial.TrialState.FAIL)

    def failures(self) -> tuple[int, int]:
        """How many trials are over, and how many of them failed."""
        states = optuna().trial.TrialState
        over = [t for t in self._all() if t.state.is_finished() and not t.user_attrs.get(LOST)]
        return len(over), sum(t.state == states.FAIL for t in over)

    def every(self) -> list[FrozenTrial]:
        """Every trial, by number."""
        return self._all()

    def _all(self) -> list[FrozenTrial]:
        found: list[FrozenTrial] = self.study.get_trials(deepcopy=False)
        return found

    def _tell(self, number: int, attributes: Mapping[str, Any], **told: Any) -> None:
        """Tell a trial, unless somebody took it over and told it already."""
        if self._all()[number].state.is_finished():
            return
        with contextlib.suppress(optuna().exceptions.UpdateFinishedTrialError):
            trial = storage.trial(self.study, number)
            for key, value in attributes.items():
                trial.set_user_attr(key, value)
            self.study.tell(number, **told)

    def _is_alive(self, trial: FrozenTrial) -> bool:
        """Whether the process that began a trial is there; on another machine nobody can tell."""
        owner = trial.user_attrs.get(OWNER)
        if owner is None:  # it stands there a moment after the trial itself
            began = trial.datetime_start
            return began is not None and time.time() - began.timestamp() < _MOMENT
        if owner["host"] != self._me["host"]:
            return not self.plan.take_over
        if all(owner[key] == self._me[key] for key in ("pid", "boot_id", "start_ticks")):
            return bool(owner["search"] == self._me["search"])  # an earlier one of this process
        known = {key: value for key, value in owner.items() if key != "search"}
        return process.is_alive(Status(state=RUNNING, **known))

    def _refuse_another(self, attributes: Mapping[str, Any]) -> None:
        was, now = list(attributes["line"]), list(self.plan.line)
        if was == now and list(attributes["metrics"]) == list(self.plan.metrics):
            return
        gone = [word for word in was if word not in now]
        new = [word for word in now if word not in was]
        differ = "; ".join(
            f"{what} {' '.join(words)}" for what, words in (("it had", gone), ("not", new)) if words
        )
        raise ConfigError(
            f"the study {self.study.study_name} was one of another line: "
            + (differ or f"it looked at {', '.join(attributes['metrics'])}"),
            hint="give this one another name: hydra.sweeper.study_name=NAME",
        )


def _counts(trial: FrozenTrial) -> bool:
    """Whether it is one of those asked for: begun, and not lost."""
    is_begun = trial.state != optuna().trial.TrialState.WAITING
    return is_begun and not trial.user_attrs.get(LOST)


def _opened(url: str, name: str, plan: Plan) -> Study:
    directions = [_GOALS[goal] for goal in plan.metrics.values()]
    sampler, pruner = samplers.sampler(plan.sampler, 0), samplers.pruner(plan.pruner)
    study: Study = optuna().create_study(
        storage=storage.open_storage(url), study_name=name, directions=directions,
        load_if_exists=True, sampler=sampler, pruner=pruner,
    )  # fmt: skip
    if [direction.name.lower() for direction in study.directions] != directions:
        raise ConfigError(
            f"the study {name} there has other directions than {', '.join(plan.metrics.values())}",
            hint="give this one another name: hydra.sweeper.study_name=NAME",
        )
    return study


def _me() -> dict[str, Any]:
    found = process.own_status(RUNNING, attempt=1)
    return {
        "pid": found.pid,
        "host": found.host,
        "boot_id": found.boot_id,
        "start_ticks": found.start_ticks,
        "search": secrets.token_hex(4),
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        found = decode(disk.read_small(path))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What a study has come to: its trials, the best one or the front, and the line that repeats it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.launch.search.samplers import optuna
from iterun.launch.search.study import LOST, RUNS, WHY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from iterun.launch.search.study import Trials


@dataclass(frozen=True, kw_only=True)
class Found:
    """One trial."""

    number: int
    state: str  #: complete, pruned, failed, lost (its process was killed) or running
    params: Mapping[str, Any]  #: what was tried, by key
    values: Sequence[float] = ()  #: one a metric; of a pruned trial the last one
    runs: Sequence[str] = ()  #: ids, one a seed
    why: str | None = None  #: it failed

    def to_json(self) -> dict[str, Any]:
        """For study.json."""
        return {key: value for key, value in vars(self).items() if value not in (None, ())}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All of them."""

    study: str
    metrics: Mapping[str, str]  #: name to "min" or "max"
    trials: Sequence[Found] = field(default_factory=list)
    best: Sequence[Found] = ()  #: one; with several metrics those that none beats in all
    lines: Sequence[str] = ()  #: that repeat each of `best`

    @property
    def ranked(self) -> list[Found]:
        """Complete trials, best by the first metric first."""
        sign = -1 if next(iter(self.metrics.values())) == "max" else 1
        done = [trial for trial in self.trials if trial.state == "complete"]
        return sorted(done, key=lambda trial: (sign * trial.values[0], trial.number))

    def count(self, state: str) -> int:
        """How many trials stand so."""
        return sum(trial.state == state for trial in self.trials)

    def to_json(self) -> dict[str, Any]:
        """For study.json."""
        best = [
            found.to_json() | {"repeat": line}
            for found, line in zip(self.best, self.lines, strict=True)
        ]
        return {"trials": [trial.to_json() for trial in self.trials], "best": best}


def findings(trials: Trials, flags: Sequence[str]) -> Findings:
    """What a study has come to up to now.

    Args:
        trials: the study.
        flags: options that the repeating line needs: --config-dir and the like.
    """
    found = [_found(trial) for trial in trials.every()]
    complete = [trial for trial in found if trial.state == "complete"]
    best = _front(complete, list(trials.plan.metrics.values()))
    best = best[:1] if len(trials.plan.metrics) == 1 else best
    return Findings(
        study=trials.study.study_name,
        metrics=dict(trials.plan.metrics),
        trials=found,
        best=best,
        lines=[_line(trials, trial, flags) for trial in best],
    )


def _found(trial: FrozenTrial) -> Found:
    names = {state: state.name.lower() for state in optuna().trial.TrialState}
    attributes = trial.user_attrs
    state = "lost" if attributes.get(LOST) else names[trial.state].replace("fail", "failed")
    return Found(
        number=trial.number,
        state=state,
        params=dict(trial.params),
        values=tuple(trial.values or ()),
        runs=tuple(attributes.get(RUNS, ())),
        why=attributes.get(WHY),
    )


def _front(trials: Sequence[Found], goals: Sequence[str]) -> list[Found]:
    """Those that no other beats in all metrics, by the first metric, then by number."""
    signs = [1 if goal == "min" else -1 for goal in goals]
    points = [[s * v for s, v in zip(signs, t.values, strict=True)] for t in trials]
    kept = [
        (point, trial)
        for point, trial in zip(points, trials, strict=True)
        if not any(_beats(other, point) for other in points)
    ]
    return [trial for _, trial in sorted(kept, key=lambda pair: (pair[0], pair[1].number))]


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def _line(trials: Trials, trial: Found, flags: Sequence[str]) -> str:
    space = trials.space
    words = [*flags, *space.line(trial.params)]
    if len(space.seeds) > 1:
        words = ["-m", *words]
    if space.seeds:
        words.append(f"seed={','.join(space.seeds)}")
    return shlex.join(["iterun", *words])

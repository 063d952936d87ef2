"""Choosing a setting on tuning seeds, and what it is worth on fresh ones (arXiv 2403.09066).

The best of many noisy scores is too good: its mean over the tuning seeds holds the luck that made
it the best. So the choice is made on the tuning seeds, and what is reported comes from seeds that
had no part in it. Only equals are compared: settings with the same seeds, of runs that went to
their end.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterun.analysis.numbers import count
from iterun.analysis.settings import Setting, block_of, group
from iterun.errors import ConfigError, nearest
from iterun.ops.stats import Interval, mean_interval
from iterun.store import selections
from iterun.store.encoding import as_float
from iterun.store.rows import MISSING
from iterun.store.schema import PRUNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iterun.store.rows import Row

_ENDED_BADLY = ("failed", "diverged")
_MOST_NAMES = 12  #: that a hint lists
_UNFINISHED = ("running", "interrupted", "lost")


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A setting with its values by seed."""

    setting: Setting
    values: Mapping[int, float]  #: by seed

    @property
    def label(self) -> str:
        """What tells it apart."""
        return self.setting.label

    @property
    def mean(self) -> float:
        """Over its seeds; not a number where infinities of both signs meet."""
        return sum(self.values.values()) / len(self.values)

    def interval(self) -> Interval:
        """The mean with its bootstrap interval."""
        return mean_interval(list(self.values.values()))


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Settings in the order of their tuning scores, and those that could not take part."""

    metric: str
    goal: str  #: min or max
    seeds: Sequence[int]  #: every candidate has them
    candidates: Sequence[Scored]  #: best first
    left_out: Mapping[str, str] = field(default_factory=dict)  #: label to why
    would_win: str | None = None  #: label of one left out whose seeds so far look better


def choose(rows: Sequence[Row], metric: str | None = None, goal: str | None = None) -> Choice:
    """Rank the settings of these runs by their mean over the seeds that they share.

    Args:
        rows: runs of one system, newest first; of two with one setting and seed the first counts.
        metric: what to rank by; None: the objective.
        goal: min or max; None: the objective's.

    Raises:
        ConfigError: the runs are no ground for a choice.
    """
    metric, goal = _objective(rows, metric, goal)
    _refuse_unfinished(rows)
    _refuse_unknown(rows, metric)
    settings = group(rows)
    values = {id(s): _values(s, metric) for s in settings}
    seeds = _shared([frozenset(found) for found in values.values()])
    if not seeds:
        raise ConfigError(
            f"none of these runs is completed and has {metric}",
            hint="iterun ls shows how they ended and what they measured",
        )
    able = [s for s in settings if seeds <= values[id(s)].keys()]
    scored = [
        Scored(setting=s, values={seed: values[id(s)][seed] for seed in sorted(seeds)})
        for s in able
    ]
    sign = 1 if goal == "min" else -1
    scored.sort(key=lambda one: (math.isnan(one.mean), sign * one.mean))
    left_out = {
        s.label: _why(s, values[id(s)], seeds)
        for s in settings
        if not seeds <= values[id(s)].keys()
    }
    return Choice(
        metric=metric, goal=goal, seeds=sorted(seeds), candidates=scored, left_out=left_out,
        would_win=_would_win(settings, values, scored[0], sign),
    )  # fmt: skip


def fresh(taken: Iterable[int], n: int) -> list[int]:
    """The first n seeds from the next thousand on that no run of the tuning had."""
    start = (max(taken, default=0) // 1000 + 1) * 1000
    return list(range(start, start + n))


def values_by_seed(rows: Iterable[Row], metric: str) -> dict[int, float]:
    """What completed runs measured, by seed."""
    found: dict[int, float] = {}
    for row in rows:
        value = _value(row, metric)
        if row.is_whole and value is not None:
            found.setdefault(row.seed, value)
    return dict(sorted(found.items()))


def mixed(settings: Iterable[Setting]) -> str | None:
    """A remark where runs that chose a setting and its evaluation are taken as one; None: nowhere.

    The chosen setting's tuning score is too good, and it would be in the mean.
    """
    kinds = [{selections.TAG in row.tags for row in setting.rows} for setting in settings]
    if not (n := sum(len(found) > 1 for found in kinds)):
        return None
    return (
        f"{count(n, 'setting')} with runs of a choice and of its evaluation in one mean: "
        f"tag={selections.TAG} or tag!={selections.TAG} keeps them apart"
    )


def _objective(rows: Sequence[Row], metric: str | None, goal: str | None) -> tuple[str, str]:
    systems = sorted({row.system for row in rows})
    if len(systems) > 1:
        raise ConfigError(
            f"these are runs of {len(systems)} systems: {', '.join(systems)}",
            hint=f"choose within one: task={systems[0]}",
        )
    if len({block_of(row) for row in rows}) > 1:
        raise ConfigError(
            "some of these are runs of a program, the others of language models: no rivals",
            hint="choose among one kind: model_kind=program, or model_kind=llm",
        )
    known = {(str(o["metric"]), str(o["goal"])) for row in rows if (o := row.objective)}
    if metric is None and len(known) != 1:
        raise ConfigError(
            "these runs have no objective" if not known else "these runs have several objectives",
            hint="name one: --metric NAME --goal min",
        )
    if metric is None:
        metric, usual = next(iter(known))
    else:
        usual = dict(known).get(metric, "")
    if goal not in (None, "min", "max"):
        raise ConfigError(f"--goal {goal} is no goal", hint="--goal min or --goal max")
    goal = goal or usual
    if goal not in ("min", "max"):
        raise ConfigError(
            f"--metric {metric}: is less better, or more?", hint="--goal min or --goal max"
        )
    return metric, goal


def _refuse_unfinished(rows: Sequence[Row]) -> None:
    going = [row for row in rows if row.state in _UNFINISHED]
    if not going:
        return
    names = " ".join(row.id for row in going[:4]) + (" …" if len(going) > 4 else "")
    raise ConfigError(
        f"{len(going)} of {len(rows)} runs are not finished ({names}): a choice now is a choice "
        "among those that were quick",
        hint=f"iterun resume {names.removesuffix(' …')}; or leave their settings out on purpose "
        "with status=completed",
    )


def _refuse_unknown(rows: Sequence[Row], metric: str) -> None:
    if all(row.get(metric) is MISSING for row in rows):
        known = sorted(set[str]().union(*({*row.last, *row.result, *row.costs} for row in rows)))
        close = nearest(metric, known)
        raise ConfigError(
            f"none of these runs has {metric}",
            hint=f"did you mean {' or '.join(close)}?" if close
            else f"they have {', '.join(known[:_MOST_NAMES])}",
        )  # fmt: skip


def _values(setting: Setting, metric: str) -> dict[int, float]:
    return values_by_seed(setting.rows, metric)


def _value(row: Row, metric: str) -> float | None:
    found = row.last.get(metric, MISSING)
    found = row.get(metric) if found is MISSING else found
    if isinstance(found, bool) or not isinstance(found, int | float) or found != found:
        return None
    return as_float(found)


def _shared(sets: Sequence[frozenset[int]]) -> frozenset[int]:
    """The seeds that most settings have; of two such sets the larger one."""
    counted = Counter(found for found in sets if found)
    if not counted:
        return frozenset()
    reach = {found: sum(found <= other for other in sets) for found in counted}
    most = max(counted.items(), key=lambda pair: (pair[1], len(pair[0]), reach[pair[0]]))
    return most[0]


def _why(setting: Setting, values: Mapping[int, float], seeds: frozenset[int]) -> str:
    states = Counter(row.state for row in setting.rows if row.state in _ENDED_BADLY)
    states.update("ended early" for row in setting.rows if row.reason == PRUNED)
    said = [f"{n} {state}" if n > 1 else state for state, n in states.items()]
    missing = sorted(seeds - values.keys())
    if missing and not said:
        said.append(f"without seed {', '.join(map(str, missing))}")
    return ", ".join(said)


def _would_win(
    settings: Sequence[Setting], values: Mapping[int, Mapping[int, float]], best: Scored, sign: int
) -> str | None:
    """A setting that is left out and looks better on those of its seeds that are done."""
    others = [s for s in settings if s is not best.setting and values[id(s)]]
    for s in others:
        done = {seed: v for seed, v in values[id(s)].items() if seed in best.values}
        if done and done.keys() != best.values.keys():
            mine = sum(best.values[seed] for seed in done) / len(done)
            if sign * sum(done.values()) / len(done) < sign * mine:
                return s.label
    return None

"""What a line asks of a study: its metrics and goals, and what can't go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.launch.search.space import OneOf, Space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAY_CHANGE = ("on_existing=", "tags=", "backend=", "backend.")  #: when a study goes on
_GOALS = {"minimize": "min", "maximize": "max", "min": "min", "max": "max"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a line asks of a study."""

    line: tuple[str, ...]  #: settings and space, without what may change when it goes on
    metrics: Mapping[str, str]  #: name to "min" or "max"; in their order
    n_trials: int
    sampler: Mapping[str, Any]
    pruner: Mapping[str, Any]
    name: str | None = None
    storage: str | None = None
    take_over: bool = False  #: also trials that another machine began
    goes_on: bool = False  #: `on_existing` is resume or skip: the newest study of this line


def planned(
    words: Sequence[str],
    space: Space,
    objective: Mapping[str, Any] | None,
    settings: Mapping[str, Any],
) -> Plan:
    """The plan of a line.

    Args:
        words: as typed, without Hydra's own.
        space: these, taken apart.
        objective: of the tasks, if they have one.
        settings: the node `hydra.sweeper`.

    Raises:
        ConfigError: it can't be searched like that.
    """
    existing = [w.partition("=")[2] for w in space.fixed if w.startswith("on_existing=")]
    plan = Plan(
        line=tuple(sorted(w for w in words if not w.startswith(_MAY_CHANGE))),
        metrics=_metrics(settings["metrics"], settings["direction"], objective),
        n_trials=settings["n_trials"],
        sampler=settings["sampler"],
        pruner=settings["pruner"],
        name=settings["study_name"],
        storage=settings["storage"],
        take_over=bool(settings["take_over"]),
        goes_on=existing[-1:] in (["resume"], ["skip"]),
    )
    _refuse_what_cannot_be(plan, space)
    return plan


def _metrics(
    named: Mapping[str, str] | str | None, direction: Any, objective: Mapping[str, Any] | None
) -> dict[str, str]:
    """The metrics and their goals.

    Raises:
        ConfigError: there is none, or a goal that isn't one.
    """
    goals = [direction] if isinstance(direction, str) else list(direction or [])
    if named is None and objective is None:
        raise ConfigError(
            "this task has no objective to search by, or the tasks have several",
            hint="name one: 'hydra.sweeper.metrics={loss:min}'",
        )
    if named is None:
        assert objective is not None
        found = {str(objective["metric"]): str(objective["goal"])}
    elif isinstance(named, str):
        usual = objective if objective and objective["metric"] == named else None
        if usual is None and not goals:
            raise ConfigError(
                f"hydra.sweeper.metrics={named}: is less better, or more?",
                hint=f"'hydra.sweeper.metrics={{{named}:min}}', or {{{named}:max}}",
            )
        found = {named: str(usual["goal"]) if usual else goals[0]}
    else:
        found = {str(name): str(goal) for name, goal in named.items()}
    if goals and len(goals) != len(found):
        raise ConfigError(
            f"hydra.sweeper.direction={direction} does not fit {len(found)} metrics",
            hint="'hydra.sweeper.metrics={loss:min,speed:max}' says both",
        )
    found = dict(zip(found, goals, strict=True)) if goals else found
    for name, goal in found.items():
        if goal not in _GOALS:
            raise ConfigError(
                f"{name}: {goal} is no goal", hint="'hydra.sweeper.metrics={loss:min,speed:max}'"
            )
    return {name: _GOALS[goal] for name, goal in found.items()}


def _refuse_what_cannot_be(plan: Plan, space: Space) -> None:
    sampler, pruner = plan.sampler.get("name"), plan.pruner.get("name")
    if len(plan.metrics) > 1 and pruner != "none":
        raise ConfigError(
            f"hydra/sweeper/pruner={pruner} can't weigh {len(plan.metrics)} metrics",
            hint="leave it away, or name one metric",
        )
    if sampler == "cmaes" and len(plan.metrics) > 1:
        raise ConfigError(
            f"hydra/sweeper/sampler=cmaes can't weigh {len(plan.metrics)} metrics",
            hint="hydra/sweeper/sampler=nsga2, or tpe",
        )
    numbers = [key for key, d in space.dimensions.items() if not isinstance(d, OneOf)]
    if sampler == "cmaes" and len(numbers) < 2:
        raise ConfigError(
            "hydra/sweeper/sampler=cmaes needs two numbers to vary, and this line has "
            + (numbers[0] if numbers else "none"),
            hint="hydra/sweeper/sampler=tpe",
        )

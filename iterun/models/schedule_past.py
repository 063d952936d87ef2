"""What trainings that are done leave to a fork: settings may change only what comes after them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, shown
from iterun.models.schedule_sweep import GIVEN, REFINED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Pairs = Sequence[tuple[str, float]]  # schedules with rates, as they are trained

STEEP = ("inv_sqrt", "inverse")  # fall from the first step on: their rates have another scale


def grid(schedule: str) -> str:
    """The parameter with a schedule's rates."""
    return "steep_lrs" if schedule in STEEP else "lrs"


def check_settings(was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Let no training stand under settings that it was not made with.

    Args:
        was: what the trainings depend on, by setting; of what isn't a parameter, a mark of it.
        now: the same settings.

    Raises:
        ConfigError: one differs.
    """
    for name, value in now.items():
        if value != was[name]:
            is_parameter = name.startswith("task.")
            typed = f"{name}={shown(value)}" if is_parameter else f"{name}="
            then = f"{name}={shown(was[name])}" if is_parameter else f"another {name}="
            raise ConfigError(
                f"{typed}: the trainings so far were made with {then}",
                hint=f"leave {name}= as it was, or begin a new run",
            )


def check_plan(done: Pairs, planned: Pairs, parameters: Mapping[str, Any]) -> None:
    """Let a plan begin with what is done.

    Args:
        done: the trainings so far.
        planned: all that there are to be.
        parameters: of the system, by name.

    Raises:
        ConfigError: it begins otherwise.
    """
    for k, (name, lr) in enumerate(done):
        there = planned[k : k + 1]
        if list(there) == [(name, lr)]:
            continue
        typed = "schedule="
        if not any(other == GIVEN for other, _ in there):
            setting = _setting(name, done, planned)
            typed = f"task.{setting}={shown(parameters[setting])}"
        instead = "".join(f"of {other} at {rate:g}" for other, rate in there) or "none"
        raise ConfigError(
            f"{typed}: training {k + 1} was of {name} at {lr:g} and would be {instead}",
            hint="further rates and schedules may follow what is done; or begin a new run",
        )


def _setting(name: str, done: Pairs, planned: Pairs) -> str:
    """The parameter that puts a schedule's trainings elsewhere."""
    were, are = ([rate for other, rate in pairs if other == name] for pairs in (done, planned))
    if are and are[: len(were)] != were:
        return grid(name)
    return "refine_rounds" if not are and name.startswith(REFINED) else "baselines"

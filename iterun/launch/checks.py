"""All configs of a sweep, before its first job: what is wrong is said once, and nothing begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hydra.types import RunMode

from iterun.config.explain import EXPLAINED, explain
from iterun.errors import ConfigError, ConfigErrors, raise_all
from iterun.launch import home
from iterun.launch.check import checked
from iterun.launch.jobs import composed, settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.launch.quick import QuickLoader
    from iterun.launch.sweep import Asked, Sweep

_NAMED = 4  # jobs listed by number


class Checked(NamedTuple):
    """What the configs of several jobs have in common."""

    objective: Mapping[str, Any] | None  #: {metric, goal}; None: they differ in it, or have none
    devices: frozenset[str]  #: where they compute


def check(sweep: Sweep, jobs: Sequence[Asked]) -> Checked:
    """Check the config of each job.

    Raises:
        ConfigError: every fault, and of which jobs it is.
    """
    found: dict[str, tuple[ConfigError, list[int]]] = {}
    objectives: list[Any] = []
    devices: set[str] = set()
    with home.at(sweep) as loader:
        for job in jobs:
            try:
                objective, device = _checked(sweep, job, loader)
                objectives.append(objective)
                devices.add(device)
            except ConfigError as error:
                for fault in error.errors if isinstance(error, ConfigErrors) else (error,):
                    found.setdefault(fault.message, (fault, []))[1].append(job.number)
    raise_all(_named(fault, numbers, len(jobs)) for fault, numbers in found.values())
    first = objectives[0] if objectives else None
    same = first if first and all(it == first for it in objectives) else None
    return Checked(same, frozenset(devices))


def _checked(sweep: Sweep, job: Asked, loader: QuickLoader) -> tuple[Any, str]:
    overrides = [*sweep.hydra, *job.overrides]
    try:
        config, choices = loader.settings(sweep.config_name, overrides)
        plain = settings(config, choices.get("task"))
    except EXPLAINED as error:
        name = sweep.config_name
        raise explain(error, overrides, loader, name, RunMode.RUN) from error
    except ConfigError:  # an interpolation of Hydra's own node
        config = composed(sweep, job, loader)
        plain, choices = settings(config), config.hydra.runtime.choices
    _, place = checked(plain, experiment=choices.get("experiment"), extra=sweep.extra)
    return plain["task"].get("objective"), place.device


def _named(fault: ConfigError, numbers: Sequence[int], n_jobs: int) -> ConfigError:
    """The fault with the jobs that have it, unless all do."""
    if len(numbers) == n_jobs:
        return fault
    some = ", ".join(str(number) for number in numbers[:_NAMED])
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    word = "job" if len(numbers) == 1 else "jobs"
    named = type(fault)(f"{fault.message} ({word} {some}{more} of {n_jobs})", hint=fault.hint)
    return named.with_traceback(fault.__traceback__)

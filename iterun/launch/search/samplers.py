"""Who proposes the next trial, and who ends one early: optuna's, by the names of our groups.

A sampler is made anew for every trial, seeded by (seed, number of the trial): a study that was
killed and goes on proposes what it would have proposed.
"""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, UnavailableError, nearest, unknown_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

SAMPLERS = ("tpe", "cmaes", "random", "nsga2", "grid")
PRUNERS = ("none", "median", "halving", "hyperband")
GRID = "grid"
_OWN = frozenset({"name", "seed"})


def optuna() -> ModuleType:
    """The package, quiet: what it has to say of trials we say ourselves.

    Raises:
        UnavailableError: it isn't installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise UnavailableError(
            "hydra/sweeper=optuna needs the package optuna",
            hint='pip install "iterun[optuna]"; without it, -m task.KEY=a,b,c tries every value',
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna  # type: ignore[no-any-return]  # untyped where it isn't installed


def seed_of(seed: int, number: int) -> int:
    """The seed of the sampler that proposes trial `number`."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{number}".encode()).digest()[:4], "big")


def sampler(settings: Mapping[str, Any], seed: int) -> BaseSampler:
    """The sampler of one trial.

    Args:
        settings: the node `hydra.sweeper.sampler`: name, seed, and optuna's own.
        seed: of this trial.

    Raises:
        ConfigError: a name or a setting that isn't there.
        UnavailableError: a package is missing.
    """
    samplers = optuna().samplers
    made: dict[str, Callable[..., BaseSampler]] = {
        "tpe": samplers.TPESampler,
        "cmaes": _cmaes,
        "random": samplers.RandomSampler,
        "nsga2": samplers.NSGAIISampler,
        GRID: samplers.RandomSampler,  # every trial of a grid is queued: nothing is drawn
    }
    name = _known("sampler", settings.get("name"), SAMPLERS)
    return _made("sampler", name, made[name], settings, seed=seed)


def pruner(settings: Mapping[str, Any]) -> BasePruner:
    """Who says after an iteration that a trial isn't worth its end.

    Args:
        settings: the node `hydra.sweeper.pruner`: name and optuna's own.

    Raises:
        ConfigError: a name or a setting that isn't there.
    """
    pruners = optuna().pruners
    made: dict[str, Callable[..., BasePruner]] = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "halving": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }
    name = _known("pruner", settings.get("name"), PRUNERS)
    return _made("pruner", name, made[name], settings)


def _known(node: str, name: object, known: tuple[str, ...]) -> str:
    if name in known:
        return str(name)
    near = nearest(str(name), known)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    raise ConfigError(f"hydra/sweeper/{node}={name}: there is no such {node}", hint=hint)


def _made(
    node: str, name: str, make: Callable[..., Any], settings: Mapping[str, Any], **more: Any
) -> Any:
    given = {key: value for key, value in settings.items() if key not in _OWN}
    takes = [key for key in inspect.signature(make).parameters if key not in ("self", "seed")]
    for key in given:
        if key not in takes:
            raise unknown_key(f"hydra.sweeper.{node}", key, takes, f"setting of {name}")
    try:
        return make(**given, **more)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"hydra/sweeper/{node}={name}: {error}",
            hint=f"iterun --info config hydra/sweeper=optuna shows hydra.sweeper.{node}",
        ) from error


def _cmaes(
    *, seed: int, sigma: float = 1 / 6, population: int | None = None, n_startup_trials: int = 1
) -> BaseSampler:
    try:
        from iterun.launch.search.cmaes import CmaEs
    except ImportError as error:
        raise UnavailableError(
            "hydra/sweeper/sampler=cmaes needs the package cmaes",
            hint='pip install "iterun[optuna]", or hydra/sweeper/sampler=tpe',
        ) from error
    return CmaEs(seed=seed, sigma=sigma, population=population, n_startup_trials=n_startup_trials)

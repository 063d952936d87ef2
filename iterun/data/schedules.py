"""What `schedule=` names: the course of a training's step size, of a family or out of a file.

Each function gives the multipliers of a peak rate for a training of some steps; a system that
reads them leaves its own course, warm-up included. Shares are of the training's steps.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.ops.lr_schedule import (
    WARMUP_POLY,
    WSD_DECAY,
    Schedule,
    multipliers,
    stretched,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMN = "multiplier"  #: of a file
_SHARES = ("warmup", "last", "decay")


def constant(n_steps: int, /, *, name: str, warmup: float = 0.0) -> Schedule:
    """The peak rate, after a warm-up if one is asked for.

    Raises:
        ConfigError: as of all here, a share outside [0, 1), or another number not above 0.
    """
    return _made(name, ("constant",), n_steps, warmup=warmup)


def falling(n_steps: int, /, *, name: str, warmup: float = 0.0, last: float = 0.0) -> Schedule:
    """Linear and cosine: from the peak down to `last` times the peak."""
    return _made(name, ("linear", "cosine"), n_steps, warmup=warmup, last=last)


def inv_sqrt(n_steps: int, /, *, name: str, warmup: float = 0.0, t0: float = 1.0) -> Schedule:
    """1 / sqrt(1 + t / t0), t in steps."""
    return _made(name, ("inv_sqrt",), n_steps, warmup=warmup, t0=t0)


def warmup_poly(
    n_steps: int,
    /,
    *,
    name: str,
    warmup: float = WARMUP_POLY,
    power: float = 1.0,
    last: float = 0.0,
) -> Schedule:
    """A line up, then (1 - t/T)^power."""
    return _made(name, ("warmup_poly",), n_steps, warmup=warmup, power=power, last=last)


def wsd(
    n_steps: int,
    /,
    *,
    name: str,
    warmup: float = WARMUP_POLY,
    decay: float = WSD_DECAY,
    last: float = 0.0,
) -> Schedule:
    """Warm-up, stable, decay (arXiv 2404.06395): a line up, the peak, a line down."""
    made = _made(name, ("wsd",), n_steps, warmup=warmup, decay=decay, last=last)
    if warmup + decay > 1:
        raise ConfigError(
            f"schedule.warmup={warmup:g} and schedule.decay={decay:g} are more than the training",
            hint="as in schedule.warmup=0.1 schedule.decay=0.2",
        )
    return made


def file(n_steps: int, /, *, path: str, name: str = "file") -> Schedule:
    """A CSV with the column `multiplier`, as `iterun schedule RUN` writes one.

    Of another number of steps it is stretched: multipliers are linear on relative time.

    Raises:
        ConfigError: the file isn't there, or has no such column of numbers from 0 on.
    """
    import pandas as pd

    setting = f"schedule.path={path}"
    try:
        table = pd.read_csv(Path(str(path)).expanduser(), float_precision="round_trip")
        values = table[COLUMN].to_numpy(dtype=float)
    except FileNotFoundError as error:
        hint = "iterun schedule RUN writes one from a run's gradient norms"
        raise ConfigError(f"{setting} is not there", hint=hint) from error
    except (OSError, KeyError, ValueError) as error:
        raise ConfigError(
            f"{setting} is no CSV file with a column `{COLUMN}` of numbers",
            hint="a header line `step,multiplier`, then a line a step",
        ) from error
    if not (len(values) and all(math.isfinite(x) and x >= 0 for x in values) and values.max() > 0):
        raise ConfigError(
            f"{setting}: its multipliers are not all finite and from 0 on, with one above 0",
            hint="iterun schedule RUN writes one from a run's gradient norms",
        )
    return Schedule(stretched(values, n_steps))


def fingerprint(settings: Mapping[str, Any]) -> str | None:
    """The hash of a file's content, which stands for its path in a run's signature.

    Raises:
        ConfigError: there is no such file.
    """
    path = settings.get("path")
    if path is None:
        return None
    try:
        with Path(str(path)).expanduser().open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        hint = "iterun schedule RUN writes one from a run's gradient norms"
        raise ConfigError(f"schedule.path={path} can't be read", hint=hint) from error


def _made(name: str, own: Sequence[str], n_steps: int, **settings: float) -> Schedule:
    if name not in own:
        raise ConfigError(
            f"schedule.name={name}: these settings are of schedule={' or '.join(own)}",
            hint=f"choose it by itself, as in schedule={name}",
        )
    given: dict[str, Any] = settings
    for key, value in given.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if key in _SHARES and not (is_number and 0 <= value < 1):
            raise ConfigError(
                f"schedule.{key}={value} is no share in [0, 1)", hint=f"as in schedule.{key}=0.1"
            )
        if key not in _SHARES and not (is_number and 0 < value < math.inf):
            raise ConfigError(
                f"schedule.{key}={value} is not above 0", hint=f"as in schedule.{key}=1"
            )
    return Schedule(multipliers(name, n_steps, **given))

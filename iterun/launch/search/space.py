"""What a line lets vary: Hydra's own sweep syntax as the space of a search.

task.sparsity=interval(0.3,0.9)      a number in between        int(interval(1,9))  a whole one
task.lr=tag(log, interval(1e-5,1))   by its magnitude           range(1,10,2)       1, 3, ..., 9
task.mode=up,down                    one of these               choice(up,down)     likewise
seed=1,2,3                           every trial runs with each: no search over seeds
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from optuna.distributions import BaseDistribution

SEED = "seed"
LOG = "log"


@dataclass(frozen=True, kw_only=True)
class Span:
    """Numbers from `low` to `high`, both included."""

    low: float
    high: float
    is_whole: bool
    step: float | None = None
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """Some values, as they are typed."""

    texts: tuple[str, ...]


Dimension = Span | OneOf


@dataclass(frozen=True, kw_only=True)
class Space:
    """A line, taken apart."""

    fixed: tuple[str, ...]  #: settings that stay, as typed
    dimensions: Mapping[str, Dimension] = field(default_factory=dict)  #: by key, in their order
    seeds: tuple[str, ...] = ()  #: that every trial runs with; empty: the config's one

    @property
    def n_jobs(self) -> int:
        """How many runs make a trial."""
        return len(self.seeds) or 1

    def line(self, values: Mapping[str, Any]) -> list[str]:
        """The settings of a trial, without its seed."""
        texts = {key: _text(value, self.dimensions[key]) for key, value in values.items()}
        return [*self.fixed, *(f"{key}={text}" for key, text in texts.items())]

    def lines(self, values: Mapping[str, Any]) -> list[list[str]]:
        """The settings of each run of a trial, one a seed."""
        line = self.line(values)
        return [[*line, f"{SEED}={seed}"] for seed in self.seeds] or [line]

    def middle(self) -> dict[str, Any]:
        """A point inside: what is wrong with it is most likely wrong with all."""
        return {
            key: d.texts[0] if isinstance(d, OneOf) else _middle(d)
            for key, d in self.dimensions.items()
        }

    def distributions(self) -> dict[str, BaseDistribution]:
        """The dimensions as optuna's."""
        return {key: _distribution(dimension) for key, dimension in self.dimensions.items()}

    def grid(self) -> list[dict[str, Any]]:
        """Every combination, in the order of the line.

        Raises:
            ConfigError: a dimension can't be counted off.
        """
        raise_all(
            ConfigError(
                f"{key}: a grid has no intervals",
                hint=f"name values, as in {key}=range({d.low:g},{d.high:g},0.1), or "
                "hydra/sweeper/sampler=random",
            )
            for key, d in self.dimensions.items()
            if isinstance(d, Span) and d.step is None and not d.is_whole
        )
        values = [list(_values(dimension)) for dimension in self.dimensions.values()]
        return [
            dict(zip(self.dimensions, combination, strict=True))
            for combination in itertools.product(*values)
        ]


def parse(words: Sequence[str], loader: ConfigLoader | None = None) -> Space:
    """Take a line apart.

    Args:
        words: settings, as `hydra.overrides.task` holds them.
        loader: knows the choices of groups, for `glob(*)`.

    Raises:
        ConfigError: what can't be searched over, all of it.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    fixed: list[str] = []
    seeds: tuple[str, ...] = ()
    dimensions: dict[str, Dimension] = {}
    faults: list[ConfigError] = []
    for override in OverridesParser.create(config_loader=loader).parse_overrides(list(words)):
        typed, key = override.input_line or "", override.get_key_element()
        if not override.is_sweep_override():
            fixed.append(typed)
        elif key == SEED and override.is_discrete_sweep():
            seeds = tuple(dict.fromkeys(override.sweep_string_iterator()))
        elif found := list(_faults(override, key)):
            faults += found
        else:
            dimensions[key] = _dimension(override)
    raise_all(faults)
    if not dimensions:
        raise ConfigError(
            "this line leaves nothing to search for",
            hint="give a setting room, as in task.sparsity=interval(0.3,0.9) or task.mode=a,b",
        )
    return Space(fixed=tuple(fixed), dimensions=dimensions, seeds=seeds)


def _faults(override: Override, key: str) -> Iterator[ConfigError]:
    value: Any = override.value()
    if key == SEED:
        yield ConfigError(
            f"{override.input_line}: a search over seeds picks the luckiest one",
            hint="name some, and every trial runs with each: seed=1,2,3",
        )
    elif override.is_interval_sweep():
        if not value.start < value.end:
            yield ConfigError(
                f"{override.input_line}: there is nothing between {value.start} and {value.end}",
                hint=f"{key}=interval(LOW,HIGH)",
            )
        elif LOG in value.tags and value.start <= 0:
            yield ConfigError(
                f"{override.input_line}: {value.start} has no logarithm",
                hint=f"begin above 0, as in {key}=tag(log, interval({value.end / 1000:g},"
                f"{value.end:g}))",
            )
    elif override.is_range_sweep() and (not value.step or not list(value.range())):
        yield ConfigError(
            f"{override.input_line}: this range is empty", hint=f"as in {key}=range(1,10,2)"
        )
    known = {LOG} if override.is_interval_sweep() else set()
    tags: set[str] = getattr(value, "tags", set()) - known
    if tags:
        yield ConfigError(
            f"{override.input_line}: {', '.join(sorted(tags))} means nothing here",
            hint=f"the one tag is log, of an interval: {key}=tag(log, interval(1e-5,1e-2))",
        )


def _dimension(override: Override) -> Dimension:
    value: Any = override.value()
    if override.is_interval_sweep():
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return Span(low=value.start, high=value.end, is_whole=whole, log=LOG in value.tags)
    if override.is_range_sweep():
        numbers, step = sorted(value.range()), abs(value.step)
        return Span(
            low=_at(numbers[0], step, 0),
            high=_at(numbers[0], step, len(numbers) - 1),
            is_whole=all(isinstance(number, int) for number in numbers),
            step=step,
        )
    return OneOf(texts=tuple(dict.fromkeys(override.sweep_string_iterator())))


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, OneOf):
        return CategoricalDistribution(dimension.texts)
    low, high, step, log = dimension.low, dimension.high, dimension.step, dimension.log
    if dimension.is_whole:
        return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
    return FloatDistribution(low, high, log=log, step=step)


def _middle(span: Span) -> float | int:
    middle = math.sqrt(span.low * span.high) if span.log else (span.low + span.high) / 2
    if span.step:
        middle = span.low + (middle - span.low) // span.step * span.step
    return int(middle) if span.is_whole else middle


def _values(dimension: Dimension) -> Iterator[Any]:
    if isinstance(dimension, OneOf):
        yield from dimension.texts
    elif dimension.is_whole:
        yield from range(int(dimension.low), int(dimension.high) + 1, int(dimension.step or 1))
    else:
        low, step = dimension.low, dimension.step or 1.0
        for k in range(round((dimension.high - low) / step) + 1):
            yield _at(low, step, k)


def _text(value: Any, dimension: Dimension) -> str:
    if isinstance(value, str):
        return value
    if isinstance(dimension, Span) and dimension.step is not None:
        value = _at(dimension.low, dimension.step, round((value - dimension.low) / dimension.step))
    return repr(value)


def _at(low: float, step: float, k: int) -> float | int:
    """Where a range stands after k steps, as one would write it: 0.3, not 0.30000000000000004."""
    exact = Decimal(str(low)) + k * Decimal(str(step))
    return int(exact) if isinstance(low, int) and isinstance(step, int) else float(exact)

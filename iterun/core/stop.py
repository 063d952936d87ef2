"""Rules that end a run: the flat node `stop`; null is off, several may be set together.

The baseline (iteration 0) is what iterations are compared with: `target`, `patience` and
`tolerance` look at iterations 1, 2, ... An iteration without the metric is passed over; one whose
metric is NaN or infinite (where the class allows that) is no improvement and no convergence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from iterun.core.numbers import as_whole, is_whole
from iterun.errors import ConfigError, nearest, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CALM_ITERATIONS = 3  # what `tolerance` waits for where `patience` is null
_LEAST = {"iterations": 0, "patience": 1, "tokens": 1, "calls": 1}  # of whole numbers


@dataclass(frozen=True, kw_only=True)
class StopSettings:
    """The node `stop`."""

    iterations: int | None = None  #: at most so many; caps the procedure's own length
    target: float | None = None  #: the metric reaches this value
    patience: int | None = None  #: so many iterations in a row without a new best value
    tolerance: float | None = (
        None  #: |v - v'| <= tolerance * |v'| in `patience` (3) iterations in a row
    )
    seconds: float | None = None  #: of wall time, over all attempts
    tokens: int | None = None  #: sum of the metric `tokens`, or of `run.tokens(n)`
    calls: int | None = None  #: sum of the metric `calls`, or of `run.calls(n)`
    metric: str | None = (
        None  #: what target, patience, tolerance look at; null: the task's objective
    )
    goal: str | None = None  #: min or max; null: the objective's

    @classmethod
    def of(cls, node: Mapping[str, Any], objective: Mapping[str, Any] | None) -> StopSettings:
        """The settings, `metric` and `goal` filled in from the task's objective.

        Raises:
            ConfigError: a key that isn't one.
        """
        known = [field.name for field in fields(cls)]
        for key in node:
            if key not in known:
                raise unknown_key("stop", key, known, "stop rule")
        filled = {key: as_whole(node[key]) if key in _LEAST else node[key] for key in node}
        if objective and filled.get("metric") in (None, objective["metric"]):
            filled["metric"] = objective["metric"]
            filled["goal"] = filled.get("goal") or objective["goal"]
        return cls(**filled)

    @property
    def on_metric(self) -> list[str]:
        """The rules in force that look at the metric."""
        rules = ("target", "patience", "tolerance")
        return [rule for rule in rules if getattr(self, rule) is not None]

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault."""
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and not (is_whole(value) and value >= least):
                yield ConfigError(
                    f"stop.{name}={value} is not a whole number of at least {least}",
                    hint=f"as in stop.{name}=10; stop.{name}=null switches it off",
                )
        for name in ("target", "tolerance", "seconds"):
            yield from self._check_number(name)
        if self.goal not in (None, "min", "max"):
            yield ConfigError(f"stop.goal={self.goal} is neither min nor max", hint="stop.goal=min")
        yield from self._check_metric()

    def _check_number(self, name: str) -> Iterator[ConfigError]:
        value = getattr(self, name)
        if value is None:
            return
        if value in ("needed", "???"):  # as conf/stop/target.yaml leaves it
            yield ConfigError(f"stop={name} needs a value", hint=f"add stop.{name}=VALUE")
        elif isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            yield ConfigError(f"stop.{name}={value} is not a number", hint=f"as in stop.{name}=0.5")
        elif name != "target" and value < 0:
            yield ConfigError(f"stop.{name}={value} is negative", hint=f"as in stop.{name}=0.5")

    def _check_metric(self) -> Iterator[ConfigError]:
        set_rules = self.on_metric
        if set_rules and self.metric is None:
            yield ConfigError(
                f"stop.{set_rules[0]} needs a metric, and this task has no objective",
                hint="name one, as in stop.metric=loss stop.goal=min",
            )
        elif set_rules and set_rules != ["tolerance"] and self.goal is None:
            yield ConfigError(
                f"stop.{set_rules[0]} with stop.metric={self.metric} needs a direction",
                hint="add stop.goal=min or stop.goal=max",
            )


class StopRules:
    """The rules at work; what they remember is in every checkpoint."""

    def __init__(self, settings: StopSettings) -> None:
        self.settings = settings
        self._sign = -1.0 if settings.goal == "max" else 1.0  # smaller is better, after it
        self._best: float | None = None
        self._last: float | None = None
        self._without_best = 0
        self._calm = 0
        self.tokens = 0
        self.calls = 0

    def see(self, i: int, metrics: Mapping[str, float]) -> None:
        """Take in what iteration i measured."""
        if "tokens" in metrics:
            self.tokens += int(metrics["tokens"])
        if "calls" in metrics:
            self.calls += int(metrics["calls"])
        metric = self.settings.metric
        if i == 0 or metric is None or metric not in metrics:
            return
        value = metrics[metric]
        if not math.isnan(value) and (self._best is None or self._is_better(value, self._best)):
            self._best, self._without_best = value, 0
        else:
            self._without_best += 1
        self._calm = self._calm + 1 if self._is_calm(value) else 0
        self._last = value

    def verdict(self, i: int, length: int | None, seconds: float) -> str | None:
        """Why the run ends after iteration i, or None.

        Args:
            i: iterations done.
            length: the procedure's own, None if it has none.
            seconds: wall time of the run, over all attempts.
        """
        stop = self.settings
        if stop.target is not None and self._reached(stop.target):
            return "target"
        if stop.tolerance is not None and self._calm >= (stop.patience or CALM_ITERATIONS):
            return "converged"
        if stop.patience is not None and self._without_best >= stop.patience:
            return "patience"
        if stop.seconds is not None and seconds >= stop.seconds:
            return "seconds"
        if stop.tokens is not None and self.tokens >= stop.tokens:
            return "tokens"
        if stop.calls is not None and self.calls >= stop.calls:
            return "calls"
        if length is not None and i >= length:
            return "length"
        return "iterations" if stop.iterations is not None and i >= stop.iterations else None

    def remark(self, metrics: Mapping[str, float]) -> str | None:
        """What to tell the user if the first iteration hasn't the metric that a rule looks at."""
        metric = self.settings.metric
        if not self.settings.on_metric or metric is None or metric in metrics:
            return None
        known = nearest(metric, metrics) or list(metrics)[:5]
        return f"stop.metric={metric} is not among the metrics so far; there are {', '.join(known)}"

    def capped(self, length: int | None) -> int | None:
        """The procedure's length with `stop.iterations` counted in."""
        known = [n for n in (length, self.settings.iterations) if n is not None]
        return min(known) if known else None

    def state(self) -> dict[str, Any]:
        """What the rules remember."""
        return {
            "metric": [self.settings.metric, self.settings.goal, self.settings.tolerance],
            "memory": [self._best, self._last, self._without_best, self._calm],
            "counts": [self.tokens, self.calls],
        }

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Put the memory back; False, and nothing done, if it is of another metric or tolerance.

        Then `see` is to be shown the recorded iterations again.
        """
        asked = [self.settings.metric, self.settings.goal, self.settings.tolerance]
        if list(state["metric"]) != asked:
            return False
        self._best, self._last, self._without_best, self._calm = state["memory"]
        self.tokens, self.calls = state["counts"]
        return True

    def begin_anew(self) -> None:
        """Forget the metric's past, which other settings gave; what was used up counts on."""
        self._best = self._last = None
        self._without_best = self._calm = 0

    def _is_calm(self, value: float) -> bool:
        tolerance, last = self.settings.tolerance, self._last
        if tolerance is None or last is None or not math.isfinite(value) or not math.isfinite(last):
            return False
        return abs(value - last) <= tolerance * abs(last)

    def _is_better(self, value: float, than: float) -> bool:
        return self._sign * value < self._sign * than

    def _reached(self, target: float) -> bool:
        return self._last is not None and self._sign * self._last <= self._sign * target

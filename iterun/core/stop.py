"""Rules that end a run: the flat node `stop`; null is off, several may be set together.

`gain` turns the forecast rule on (core.forecast), which has horizon, x, top, min and confirm too.

The baseline (iteration 0) is what iterations are compared with: `target`, `patience` and
`tolerance` look at iterations 1, 2, ... An iteration without the metric is passed over; one whose
metric is NaN or infinite (where the class allows that) is no improvement and no convergence.
"""

from __future__ import annotations

import math
from dataclasses import InitVar, dataclass, fields
from typing import TYPE_CHECKING, Any

from iterun.core import forecast
from iterun.core.forecast import ForecastRule
from iterun.core.numbers import as_whole, is_whole
from iterun.errors import ConfigError, nearest, unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CALM_ITERATIONS = 3  # what `tolerance` waits for where `patience` is null
_LEAST = {
    "iterations": 0, "patience": 1, "tokens": 1, "calls": 1, "horizon": 1, "min": 1, "confirm": 1,
}  # fmt: skip  # of whole numbers


@dataclass(frozen=True, kw_only=True)
class StopSettings:
    """The node `stop`."""

    iterations: int | None = None  #: at most so many; caps the procedure's own length
    target: float | None = None  #: the metric reaches this value
    patience: int | None = None  #: so many iterations in a row without a new best value
    tolerance: float | None = (
        None  #: |v - v'| <= tolerance * |v'| in `patience` (3) iterations in a row
    )
    gain: float | None = None  #: no more than this is forecast to be gained by going on
    horizon: int | None = None  #: the iteration that is looked at; null: the last one
    x: str | None = None  #: metric that the curve goes over, such as words; null: the iteration
    top: float | None = None  #: what the metric can't go beyond; null: `ops.forecast.limit_of`
    min: int | None = None  #: the first iteration that `gain` may stop at; null: 6
    confirm: int | None = None  #: so many iterations in a row say so; null: 3
    seconds: float | None = None  #: of wall time, over all attempts
    tokens: int | None = None  #: sum of the metric `tokens`, or of `run.tokens(n)`
    calls: int | None = None  #: sum of the metric `calls`, or of `run.calls(n)`
    metric: str | None = (
        None  #: what target, patience, tolerance, gain look at; null: the task's objective
    )
    goal: str | None = None  #: min or max; null: the objective's
    objective: InitVar[str | None] = None  #: the task's metric: no setting

    def __post_init__(self, objective: str | None) -> None:
        object.__setattr__(self, "_objective", objective)

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
        return cls(**filled, objective=objective["metric"] if objective else None)

    @property
    def on_metric(self) -> list[str]:
        """The rules in force that look at the metric."""
        rules = ("target", "patience", "tolerance", "gain")
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
        for name in ("target", "tolerance", "seconds", "gain", "top"):
            yield from self._check_number(name)
        yield from forecast.faults(self)
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
        elif name not in ("target", "top") and value < 0:
            yield ConfigError(f"stop.{name}={value} is negative", hint=f"as in stop.{name}=0.5")

    def _check_metric(self) -> Iterator[ConfigError]:
        set_rules = self.on_metric
        if set_rules and self.metric is None:
            yield ConfigError(
                f"stop.{set_rules[0]} needs a metric, and this task has no objective",
                hint="name one, as in stop.metric=loss stop.goal=min",
            )
        elif set_rules and set_rules != ["tolerance"] and self.goal is None:
            yield self._undirected(getattr(self, "_objective", None))

    def _undirected(self, objective: str | None) -> ConfigError:
        close = nearest(str(self.metric), [objective] if objective else [])
        what = f"the objective is {objective}" if objective else "this task has no objective"
        add = "add stop.goal=min or stop.goal=max"
        return ConfigError(
            f"stop.metric={self.metric}: no direction is known; {what}",
            hint=f"did you mean stop.metric={close[0]}? Else {add}" if close else add,
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
        self._forecast = None if settings.gain is None else ForecastRule(settings)
        self.tokens = 0
        self.calls = 0

    def see(self, i: int, metrics: Mapping[str, float]) -> None:
        """Take in what iteration i measured."""
        if self._forecast is not None:
            self._forecast.cost = {}
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
        if self._forecast is not None:
            self._forecast.see(i, metrics)

    @property
    def cost(self) -> Mapping[str, float]:
        """What the rules computed of the last iteration: `forecast/...` in its line."""
        return {} if self._forecast is None else self._forecast.cost

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
        if stop.iterations is not None and i >= stop.iterations:
            return "iterations"
        return None if self._forecast is None else self._forecast.verdict  # it has saved something

    def remarks(self, i: int, metrics: Mapping[str, float]) -> list[str]:
        """What to tell the user after iteration i: a metric that isn't there, a rule gone off."""
        found = []
        names = [self.settings.metric] if self.settings.on_metric else []
        names += [] if self._forecast is None else [self._forecast.x]
        for key, name in zip(("metric", "x"), names, strict=False):
            if i == 1 and name is not None and name not in metrics:
                known = ", ".join(nearest(name, metrics) or list(metrics)[:5])
                found.append(
                    f"stop.{key}={name} is not among the metrics so far; there are {known}"
                )
        if self._forecast is not None and (off := self._forecast.remark(i)):
            found.append(off)
        return found

    def capped(self, length: int | None) -> int | None:
        """The procedure's length with `stop.iterations` counted in."""
        known = [n for n in (length, self.settings.iterations) if n is not None]
        return min(known) if known else None

    def look_ahead(self, length: int | None) -> None:
        """Tell the forecast rule how many iterations there are: before any is seen.

        Args:
            length: as `capped` gives it.

        Raises:
            ConfigError: there is no iteration to look ahead to.
        """
        if self._forecast is not None:
            self._forecast.look_to(length)

    def ended_by(self, reason: str | None, i: int, length: int | None) -> dict[str, float]:
        """Costs of a run that ended after iteration i: what the forecast rule has saved."""
        if self._forecast is None or reason not in forecast.REASONS:
            return {}
        return self._forecast.ended(reason, i, length)

    def state(self) -> dict[str, Any]:
        """What the rules remember; forecasts are computed again from the record."""
        return {
            "metric": [self.settings.metric, self.settings.goal, self.settings.tolerance],
            "memory": [self._best, self._last, self._without_best, self._calm],
            "counts": [self.tokens, self.calls],
        }

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Put the memory back; False, and nothing done, if it is of another metric or tolerance.

        Then, and where forecasts are made, `see` is to be shown the recorded iterations again.
        """
        if self._forecast is not None:
            return False
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
        if self._forecast is not None:
            self._forecast.begin_anew()

    def _is_calm(self, value: float) -> bool:
        tolerance, last = self.settings.tolerance, self._last
        if tolerance is None or last is None or not math.isfinite(value) or not math.isfinite(last):
            return False
        return abs(value - last) <= tolerance * abs(last)

    def _is_better(self, value: float, than: float) -> bool:
        return self._sign * value < self._sign * than

    def _reached(self, target: float) -> bool:
        return self._last is not None and self._sign * self._last <= self._sign * target

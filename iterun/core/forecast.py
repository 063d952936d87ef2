"""The rule `stop.gain`: ends a run from which too little is expected (arXiv 2402.02515).

`ops.forecast` does the mathematics; here are its settings, its horizon and what it leaves in the
record: `forecast/...` among an iteration's costs, which replays and golden runs do not compare. It
has no state: a resumed run is shown its recorded iterations again, and decides as it would have.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterun.core.stop import StopSettings
    from iterun.ops.forecast import Forecast

REASONS = ("forecast", "unreachable")
ITERATION = "iteration"
_OF_GAIN = ("horizon", "x", "top", "min", "confirm")


def faults(settings: StopSettings) -> Iterator[ConfigError]:
    """What is wrong with the settings of this rule, numbers of the right kind taken for granted."""
    if settings.gain is None:
        for name in _OF_GAIN:
            if (value := getattr(settings, name)) is not None:
                yield ConfigError(
                    f"stop.{name}={value} is of the forecast rule, which is off",
                    hint="switch it on with stop=forecast, or stop.gain=0.005",
                )
        return
    for name in ("gain", "top"):
        value = getattr(settings, name)
        if isinstance(value, int | float) and (value in (math.inf, -math.inf)):
            yield ConfigError(f"stop.{name}={value} is not finite", hint=f"as in stop.{name}=0.005")
    if settings.gain == 0:
        yield ConfigError("stop.gain=0 is never reached for sure", hint="as in stop.gain=0.005")
    if settings.x is not None and settings.x == settings.metric:
        yield ConfigError(
            f"stop.x={settings.x} is no metric that the curve of {settings.metric} can go over",
            hint="as in stop.x=words; stop.x=null is the iteration",
        )


class ForecastRule:
    """The rule at work.

    Args:
        settings: with a gain.
    """

    def __init__(self, settings: StopSettings) -> None:
        self._settings = settings
        self.x = None if settings.x in (None, ITERATION) else settings.x
        self.cost: dict[str, float] = {}  #: of the last iteration, for its line
        self._horizon = settings.horizon or 0
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all observations."""
        from iterun.ops.forecast import CONFIRM, LEAST, Forecaster, Rule

        stop = self._settings
        assert stop.gain is not None
        rule = Rule(
            gain=stop.gain, least=stop.min or LEAST, confirm=stop.confirm or CONFIRM,
            target=stop.target,
        )  # fmt: skip
        self._off_at: int | None = None
        self._seen = Forecaster(rule, rising=stop.goal == "max", top=stop.top)

    def look_to(self, length: int | None) -> None:
        """Take the run's length for the horizon, unless stop.horizon names one.

        Raises:
            ConfigError: neither is known.
        """
        if self._settings.horizon is None and length is None:
            raise ConfigError(
                "stop.gain has no iteration to look ahead to: this task has no length of its own",
                hint="name one, as in stop.horizon=100, or end the run at one: stop.iterations=100",
            )
        self._horizon = self._settings.horizon or length or 0

    def see(self, i: int, metrics: Mapping[str, float]) -> None:
        """Take in an iteration that has the metric."""
        self.cost = {}
        value = float(metrics[str(self._settings.metric)])
        size = metrics.get(self.x) if self.x is not None else i
        if size is None or not math.isfinite(value):
            return
        if found := self._seen.see(i, float(size), value, self._horizon):
            self.cost = _costs(found)
        if self._off_at is None and self._seen.fault is not None:
            self._off_at = i

    @property
    def verdict(self) -> str | None:
        """Why to stop now: "forecast", "unreachable", or None; from the horizon on, None."""
        is_ahead = bool(self._seen.i) and self._seen.i[-1] < self._horizon
        return self._seen.verdict if is_ahead else None

    def remark(self, i: int) -> str | None:
        """That the rule went off in iteration i."""
        if self._off_at != i:
            return None
        name = self._settings.metric if self._seen.is_misfit else self.x
        return (
            f"stop.gain is off from here on: {name} {self._seen.fault}; "
            "stop.gain=null leaves the rule away"
        )

    def ended(self, reason: str, i: int, length: int | None) -> dict[str, float]:
        """Costs of a run that this rule has ended: with what its reason can be put in words."""
        stop = self._settings
        found = {
            "saved_iterations": max((length or self._horizon) - i, 0),
            "forecast/horizon": self._horizon,
            "forecast/within": stop.gain or 0.0,
        }
        if reason == "unreachable" and stop.target is not None:
            found["forecast/target"] = stop.target
        return found


def _costs(found: Forecast) -> dict[str, float]:
    law = found.law
    numbers = {
        "a": law.a, "b": law.b, "c": law.c, "value": found.value, "low": found.low,
        "high": found.high, "gain": found.gain, "layer": found.layer,
    }  # fmt: skip
    return {f"forecast/{name}": x for name, x in numbers.items() if x is not None}

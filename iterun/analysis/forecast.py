"""What runs will come to at their end, and what the rule stop.gain would have done on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from iterun.analysis import curves
from iterun.errors import ConfigError, StoreError, nearest
from iterun.ops.forecast import CONFIRM, LEAST, Forecast, Forecaster, Rule, Verdict, usual_gain
from iterun.ops.learning_curve import FEWEST
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from iterun.analysis.curves import Curve, Floats
    from iterun.store.rows import Row

__all__ = ["Asked", "Forecast", "Outlook", "Replayed", "Stopped", "outlook", "replay"]

ITERATION = "iteration"
_MOST_NAMES = 12  #: metrics that a hint lists


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What to look at; None: as the run's own node `stop` has it."""

    metric: str | None = None
    goal: str | None = None
    horizon: int | None = None
    gain: float | None = None
    top: float | None = None
    x: str | None = None

    def check(self) -> None:
        """Refuse what no run can be looked at with.

        Raises:
            ConfigError: an option that can't be.
        """
        if self.goal not in (None, "min", "max"):
            raise ConfigError(f"--goal {self.goal} is neither min nor max", hint="--goal min")
        if self.horizon is not None and self.horizon < 1:
            raise ConfigError(f"--horizon {self.horizon} is no iteration", hint="--horizon 40")
        if self.gain is not None and not (0 < self.gain < np.inf):
            raise ConfigError(f"--gain {self.gain:g} is not a positive number", hint="--gain 0.005")
        if self.top is not None and not np.isfinite(self.top):
            raise ConfigError(f"--top {self.top:g} is not a finite number", hint="--top 1")


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """Where the rule would have ended a run."""

    i: int
    verdict: Verdict
    saved: int  #: iterations up to the horizon
    lost: float | None  #: best that came later against the best so far; None: nothing came later


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """A recorded curve, shown to the rule iteration by iteration."""

    forecasts: list[Forecast]
    stopped: Stopped | None  #: the first time; the forecasts go on
    forecaster: Forecaster


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """One run's."""

    row: Row
    metric: str
    goal: str
    x: str
    horizon: int
    rule: Rule
    i: int  #: the last iteration looked at
    last: float
    best: float
    best_at: int
    replayed: Replayed

    @property
    def newest(self) -> Forecast | None:
        """The forecast after the last iteration that has one."""
        return self.replayed.forecasts[-1] if self.replayed.forecasts else None

    @property
    def is_over(self) -> bool:
        """Whether the horizon has been seen: nothing is left to forecast."""
        return self.i >= self.horizon

    @property
    def blamed(self) -> str:
        """What a fault of the curve is about: the metric, or what it is seen over."""
        return self.metric if self.replayed.forecaster.is_misfit else self.x

    @property
    def why_none(self) -> str:
        """Why there is no forecast; empty if there is one."""
        if self.is_over:
            is_end = self.i == self.horizon
            return f"{'it is at its end, ' if is_end else ''}iteration {self.horizon} has been seen"
        if self.newest is not None:
            return ""
        seen = self.replayed.forecaster
        if seen.fault is not None:
            return f"{self.blamed} {seen.fault}"
        if len(seen.y) < FEWEST:
            return f"a power law takes {FEWEST} iterations with the metric or more"
        return "the values do not change" if max(seen.y) == min(seen.y) else "no power law fits"


def replay(
    i: Sequence[int], x: Sequence[float], y: Sequence[float], horizon: int, rule: Rule,
    *, rising: bool, top: float | None = None,
) -> Replayed:  # fmt: skip
    """Show a curve to the rule.

    Args:
        i: iterations, ascending, from 1; (points,).
        x: their sizes.
        y: the metric; what is not finite is passed over.
        horizon: the iteration to look at.
        rule: when to stop.
        rising: whether larger is better.
        top: what the metric can't go beyond.
    """
    forecaster = Forecaster(rule, rising=rising, top=top)
    forecasts, stopped, at = [], None, -1
    for k, (number, size, value) in enumerate(zip(i, x, y, strict=True)):
        if not np.isfinite(value):
            continue
        if found := forecaster.see(int(number), float(size), float(value), horizon):
            forecasts.append(found)
        if stopped is None and number < horizon and (verdict := forecaster.verdict):
            stopped, at = (int(number), verdict), k
    if stopped is None:
        return Replayed(forecasts=forecasts, stopped=None, forecaster=forecaster)
    number, verdict = stopped
    lost = _lost(np.asarray(y, float), at, rising=rising)
    made = Stopped(i=number, verdict=verdict, saved=max(horizon - number, 0), lost=lost)
    return Replayed(forecasts=forecasts, stopped=made, forecaster=forecaster)


def _lost(y: Floats, at: int, *, rising: bool) -> float | None:
    if at + 1 >= len(y):
        return None
    sign = 1.0 if rising else -1.0
    return float(np.nanmax(sign * y) - np.nanmax(sign * y[: at + 1]))


def outlook(row: Row, asked: Asked, until: int | None = None) -> Outlook:
    """Read a run and look ahead.

    Args:
        row: the run.
        asked: what to look at.
        until: the last iteration that is looked at.

    Raises:
        StoreError: it can't be read, or has no such iteration.
        ConfigError: no metric, no direction, no horizon, or no value.
    """
    view = RunView(row.path)
    stop = _node(view)
    metric, goal = _measure(row, asked, stop)
    x = asked.x or stop.get("x") or ITERATION
    curve = curves.read(row, [metric] if x == ITERATION else [metric, x])
    if until is not None and until not in curve.i:
        last = f"its last one is {curve.i[-1]}" if len(curve.i) else "it has none yet"
        raise StoreError(
            f"{row.id} has no iteration {until}: {last}", hint=f"iterun show {row.id} lists them"
        )
    curve = curve.at(curve.i <= (np.inf if until is None else until))
    i, y, sizes = _points(row, curve, metric, x, "" if asked.x else " (its stop.x)")
    horizon = asked.horizon or _whole(stop.get("horizon")) or view.status.length
    if horizon is None:
        raise ConfigError(
            f"{row.id} has no length of its own to look ahead to",
            hint=f"name an iteration: iterun forecast {row.id} --horizon {2 * int(i[-1])}",
        )
    rule = _rule(asked, stop, list(y))
    top = asked.top if asked.top is not None else _number(stop.get("top"))
    found = replay(list(i), list(sizes), list(y), horizon, rule, rising=goal == "max", top=top)
    at = int(np.argmax(y) if goal == "max" else np.argmin(y))
    return Outlook(
        row=row, metric=metric, goal=goal, x=x, horizon=horizon, rule=rule, i=int(i[-1]),
        last=float(y[-1]), best=float(y[at]), best_at=int(i[at]), replayed=found,
    )  # fmt: skip


def _points(
    row: Row, curve: Curve, metric: str, x: str, origin: str
) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Iterations after the baseline, their values and their sizes, where both are finite."""
    y, sizes = curve.column(metric), curve.column(curves.ITERATION if x == ITERATION else x)
    has = (curve.i > 0) & np.isfinite(y)
    if not has.any():
        raise _without(row, metric, has_baseline=bool(np.isfinite(y).any()))
    if not np.isfinite(sizes[has]).any():
        has_baseline = bool(np.isfinite(sizes).any())
        raise _without(row, x, has_baseline=has_baseline, origin=origin)
    has &= np.isfinite(sizes)  # passed over, as the rule does
    return curve.i[has], y[has], sizes[has]


def _measure(row: Row, asked: Asked, stop: Mapping[str, Any]) -> tuple[str, str]:
    """The metric and whether it is to be small or large."""
    objective = row.objective or {}
    metric = asked.metric or stop.get("metric") or objective.get("metric")
    if metric is None:
        raise ConfigError(
            f"{row.id} has no objective: say what to look at", hint="as in --metric acc --goal max"
        )
    known = {stop.get("metric"): stop.get("goal")} | {objective.get("metric"): None}
    if metric == objective.get("metric"):
        known[metric] = stop.get("goal") if stop.get("metric") == metric else None
        known[metric] = known[metric] or objective.get("goal")
    goal = asked.goal or known.get(metric)
    if goal not in ("min", "max"):
        raise _undirected(row, metric)
    return str(metric), str(goal)


def _undirected(row: Row, metric: str) -> ConfigError:
    known = curves.names([row])
    close = [] if metric in known else nearest(metric, known, n=1)
    aim = f"the objective of {row.id} is {row.objective['metric']}" if row.objective else ""
    return ConfigError(
        f"--metric {metric}: no direction is known; {aim or f'{row.id} has no objective'}",
        hint=f"did you mean --metric {close[0]}? Else add --goal min or --goal max" if close
        else "add --goal min or --goal max",
    )  # fmt: skip


class Own(NamedTuple):
    """What a run itself says of its forecast."""

    horizon: int | None  #: the iteration that it goes up to, or looks at
    gain: float | None
    top: float | None


def own(row: Row) -> Own:
    """stop.horizon, else the run's length; stop.gain and stop.top."""
    view = RunView(row.path)
    stop = _node(view)
    horizon = _whole(stop.get("horizon")) or view.status.length
    return Own(horizon, _number(stop.get("gain")), _number(stop.get("top")))


def _node(view: RunView) -> dict[str, Any]:
    found = view.config.get("stop")
    return found if isinstance(found, dict) else {}


def _rule(asked: Asked, stop: Mapping[str, Any], y: list[float]) -> Rule:
    gain = asked.gain or _number(stop.get("gain"))
    return Rule(
        gain=gain if gain is not None and gain > 0 else usual_gain(y),
        least=_whole(stop.get("min")) or LEAST, confirm=_whole(stop.get("confirm")) or CONFIRM,
        target=_number(stop.get("target")),
    )  # fmt: skip


def _number(value: object) -> float | None:
    """A setting of a run that may be a stranger's."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e300 else None  # type: ignore[arg-type]  # just seen


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 1 else None


def _without(row: Row, name: str, *, has_baseline: bool, origin: str = "") -> ConfigError:
    known = curves.names([row])
    close = nearest(name, known)
    after = " after the baseline" if has_baseline else ""
    return ConfigError(
        f"no iteration of {row.id}{after} has a finite {name!r}{origin}",
        hint=f"did you mean {' or '.join(close)}?" if close and name not in known
        else f"it has {', '.join(known[:_MOST_NAMES])}",
    )  # fmt: skip

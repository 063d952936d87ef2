"""Why a run is in its state, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.analysis.numbers import value
from iterun.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

_REASONS = {
    "iterations": "stop.iterations reached",
    "target": "stop.target reached",
    "patience": "no better for stop.patience iterations",
    "converged": "converged",
    "forecast": "no more than stop.gain is forecast to be gained",
    "unreachable": "stop.target is forecast to be out of reach",
    "seconds": "stop.seconds used up",
    "tokens": "stop.tokens used up",
    "calls": "stop.calls used up",
    "SIGINT": "by Ctrl-C (SIGINT)",
    "SIGTERM": "by SIGTERM",
    "SIGUSR2": "by SIGUSR2, with a checkpoint",
    "fork": "branched off, and did not go on yet",
}


def reason(
    state: str,
    why: str | None,
    iterations: int | None = None,
    costs: Mapping[str, object] | None = None,
) -> str:
    """Why a run is in its state, as a phrase; empty if there is nothing to say.

    Args:
        state: of the run.
        why: the rule or signal that ended it.
        iterations: so many were done.
        costs: of its summary, with what was forecast.
    """
    if state == schema.LOST:
        return "its process is gone without a word: killed, out of memory, or the machine went down"
    if why is None:
        return ""
    if state == schema.COMPLETED and why == "length":
        if not iterations:
            return "all iterations"
        return "1 iteration" if iterations == 1 else f"all {iterations:,} iterations"
    if state == schema.DIVERGED and why.isidentifier() and why.islower():
        return f"{why} is not a finite number"
    return _looked_ahead(why, costs or {}) or _REASONS.get(why, why)


def _looked_ahead(why: str, costs: Mapping[str, object]) -> str:
    """What was forecast at the end; empty if that is not why, or not recorded."""
    names = ("value", "low", "high", "horizon", "within", "target")
    found = {name: value(costs.get(f"forecast/{name}")) for name in names}
    last = {"forecast": "within", "unreachable": "target"}.get(why)
    if last is None or any(f"forecast/{name}" not in costs for name in (*names[:4], last)):
        return ""
    text = f"forecast {found['value']} [{found['low']}, {found['high']}] at iteration "
    text += f"{found['horizon']}: "
    if why == "forecast":
        return f"{text}no more than {found['within']} to gain"
    return f"{text}stop.target={found['target']} is out of reach"

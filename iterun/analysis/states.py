"""Why a run is in its state, in words."""

from __future__ import annotations

from iterun.store import schema

_REASONS = {
    "iterations": "stop.iterations reached",
    "target": "stop.target reached",
    "patience": "no better for stop.patience iterations",
    "converged": "converged",
    "seconds": "stop.seconds used up",
    "tokens": "stop.tokens used up",
    "calls": "stop.calls used up",
    "SIGINT": "by Ctrl-C (SIGINT)",
    "SIGTERM": "by SIGTERM",
    "SIGUSR2": "by SIGUSR2, with a checkpoint",
    "fork": "branched off, and did not go on yet",
}


def reason(state: str, why: str | None, iterations: int | None = None) -> str:
    """Why a run is in its state, as a phrase; empty if there is nothing to say."""
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
    return _REASONS.get(why, why)

"""What states and reasons are called in front of people, and what to type next."""

from __future__ import annotations

from iterun.store import schema

STYLES = {
    schema.RUNNING: "live", schema.COMPLETED: "good", schema.INTERRUPTED: "warn",
    schema.FAILED: "bad", schema.DIVERGED: "bad", schema.LOST: "bad",
}  # fmt: skip

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


def next_steps(state: str, run: str, system: str = "") -> list[str]:
    """What can be typed about a run in this state, best first."""
    show, resume = f"iterun show {run}", f"iterun resume {run}"
    if state == schema.COMPLETED:
        return [show, f"iterun ls task={system}"] if system else [show]
    if state == schema.RUNNING:
        return [show]
    if state in (schema.INTERRUPTED, schema.LOST):
        return [resume, show]
    return [show, resume]


def run_word(run: str) -> str:
    """A run's id as it can be typed: ours are lower-case letters and digits; others are quoted."""
    return run if run.isascii() and run.replace("-", "").isalnum() else repr(run)

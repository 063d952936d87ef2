"""What states are called in front of people, and what to type next."""

from __future__ import annotations

from iterun.analysis.states import reason
from iterun.store import schema

__all__ = ["STYLES", "next_steps", "reason", "run_word"]

STYLES = {
    schema.RUNNING: "live", schema.COMPLETED: "good", schema.INTERRUPTED: "warn",
    schema.FAILED: "bad", schema.DIVERGED: "bad", schema.LOST: "bad",
}  # fmt: skip


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

"""Small runs of rlhf/curate in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from task_runs import done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iterun.store.reader import RunView

PICTURES = [
    "task=rlhf/curate", "model.train_steps=20", "model.classifier_steps=20", "task.rounds=3",
    "task.kept=12", "task.train_steps=3", "task.batch=8", "task.sample_steps=2",
]  # fmt: skip
GAUSSIANS = ["experiment=rlhf/curate-gaussians", "task.rounds=3", "task.kept=200"]
STATES = ["experiment=rlhf/curate-states", "task.rounds=5"]
RUNS = {"pictures": PICTURES, "gaussians": GAUSSIANS, "states": STATES}


def run(
    directory: Path,
    name: str,
    *overrides: str,
    listener: Callable[[Any], None] = lambda event: None,
) -> RunView:
    """A run of `RUNS` with changes."""
    line = [*RUNS[name], "backend=cpu", "backend.threads=1", *overrides]
    return done(directory, line, listener)

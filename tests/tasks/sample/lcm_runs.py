"""Small runs of sample/lcm_lora in this process, on barely trained digits or a tiny pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from task_runs import done

from iterun.launch.fork import prepare
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from pathlib import Path

USUAL = ["task=sample/lcm_lora", "backend=cpu", "backend.threads=1", "task.gif=false"]
DIGITS = ["model.train_steps=20", "model.classifier_steps=20"]
SMALL = [
    "task.rounds=3", "task.steps_per_round=2", "task.batch=8", "task.lora_rank=2",
    "task.images=40", "task.eval_steps=[1,2]", "task.steps=2",
]  # fmt: skip


def run(directory: Path, *overrides: str) -> RunView:
    return done(directory, [*USUAL, *overrides])


def forked(view: RunView, after: int, outputs: Path, *changes: str) -> RunView:
    """A fork of a run at iteration `after`."""
    fork = prepare(view.directory, list(changes), outputs=outputs, iteration=after, argv=[])
    fork.begin(lambda mode: lambda event: None)
    return RunView(fork.directory)

"""Runs of prune/loraprune on small random models, in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from task_runs import done

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.reader import RunView

TINY = [
    "task=prune/loraprune", "backend=cpu", "backend.threads=1", "task.steps=10",
    "task.prune_freq=2", "task.cooldown=0.2", "task.batch_size=2", "task.lora_r=2",
    "task.lora_alpha=4", "task.lr=1e-2", "task.seqlen=16", "task.eval_seqlen=16",
    "task.eval_windows=4",
]  # fmt: skip


def run(directory: Path, model: Path, data: Path, *overrides: str) -> RunView:
    return done(directory, [*TINY, f"model={model}", f"data={data}", *overrides])

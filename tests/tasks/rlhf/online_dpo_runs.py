"""Small runs of rlhf/online_dpo in this process, on the embedded policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from task_runs import done

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.store.reader import RunView

USUAL = ["task=rlhf/online_dpo", "backend=cpu", "backend.threads=1"]
SMALL = [
    "task.rounds=3", "task.prompts=12", "task.samples=4", "task.steps=8", "task.batch_size=6",
    "task.eval_prompts=20",
]  # fmt: skip
FEW = ["data.n_train=300", "data.n_dev=20", "data.n_test=40", "data.n_pool=300"]


def run(directory: Path, *overrides: str, **more: Any) -> RunView:
    """On fewer problems, unless the line names other data."""
    few = [] if any(word.startswith("data=") for word in overrides) else FEW
    return done(directory, [*USUAL, *SMALL, *few, *overrides], **more)


def rows(view: RunView, name: str) -> list[dict[str, Any]]:
    """Of an artifact of JSON lines."""
    text = (view.directory / "artifacts" / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]

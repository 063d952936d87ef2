"""Small runs of prune/lth on the digits, in any process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file
from task_runs import done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from iterun.store.reader import RunView

TINY = [
    "task=prune/lth", "backend=cpu", "backend.threads=1", "model.depth=2", "model.width=12",
    "task.steps=56", "task.rewind=6", "task.compare_rewinds=[0]", "task.levels=3",
]  # fmt: skip
#: a net with batch norm, its output layer pruned too
RESNET = [
    "model=resnet20", "model.depth=8", "model.width=2", "task.levels=1", "task.controls=false",
]  # fmt: skip

#: no more than is needed to have masks
FEW = ["task.steps=7", "task.controls=false", "task.measure_every=null"]


def run(
    directory: Path, *overrides: str, listener: Callable[[Any], None] = lambda event: None
) -> RunView:
    other = any(word.startswith("model=") for word in overrides)
    line = [word for word in TINY if not (other and word.startswith("model."))]
    return done(directory, [*line, *overrides], listener)


def tensors(view: RunView, name: str) -> dict[str, Tensor]:
    return load_file(view.directory / "artifacts" / f"{name}.safetensors")


def masks_of(view: RunView, level: int, suffix: str = "") -> dict[str, Tensor]:
    return {n: m.bool() for n, m in tensors(view, f"level_{level}/mask{suffix}").items()}


def n_kept(masks: dict[str, Tensor]) -> int:
    return sum(int(mask.sum()) for mask in masks.values())

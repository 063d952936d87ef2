"""Which of PERP's parameters go with which `task.mode`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator


def mode_faults(task: Any) -> Iterator[ConfigError]:
    """Yield every parameter that the mode does not go with; `task` is the procedure."""
    yield from _of_retraining(task) if task.mode == "retrain" else _of_blocks(task)


def _of_retraining(task: Any) -> Iterator[ConfigError]:
    if task.stream:
        yield ConfigError(
            "task.stream=true: retraining needs the whole model in memory",
            hint="task.mode=reconstruct or task.mode=none; or task.stream=false",
        )
    if task.cycles > 1 and (task.pattern != "unstructured" or not task.merge):
        yield ConfigError(
            f"task.cycles={task.cycles} needs a sparsity to divide and adapters to merge",
            hint="task.pattern=unstructured task.merge=true, or task.cycles=1",
        )
    if 0 < task.steps < task.cycles:
        yield ConfigError(
            f"task.cycles={task.cycles} cycles cannot share {task.steps} steps",
            hint=f"at least task.steps={task.cycles}",
        )


def _of_blocks(task: Any) -> Iterator[ConfigError]:
    if task.cycles > 1:
        yield ConfigError(
            f"task.cycles={task.cycles} is for task.mode=retrain", hint="take task.cycles=1"
        )
    outside = [f"task.train={name}" for name in ("head", "embeddings") if name in task.train]
    if not task.merge:
        outside.append("task.merge=false")
    if task.mode == "reconstruct" and outside:
        yield ConfigError(
            f"{outside[0]} cannot take part in task.mode=reconstruct: only blocks are trained",
            hint="as in task.train=[biases,norm,lora] task.merge=true",
        )

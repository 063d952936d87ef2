"""Faults that the parameters of a preference loop show; no torch, no model, no file."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, outside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

AT_LEAST = {
    "rounds": 1,
    "prompts": 1,
    "samples": 2,
    "max_tokens": 1,
    "length_penalty": 0,
    "sft_coef": 0,
    "kl_coef": 0,
    "steps": 1,
    "batch_size": 1,
    "warmup": 0,
    "rm_prompts": 1,
    "rm_steps": 1,
    "lora_rank": 1,
    "shots": 0,
    "eval_prompts": 1,
    "rows": 2,
}
ABOVE_0 = {
    "temperature": 1.0,
    "beta": 0.1,
    "clip_ratio": 0.2,
    "lr": 3e-5,
    "replay_lr": 3e-5,
    "rm_lr": 1e-4,
}


def faults(task: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Every fault.

    Args:
        task: the parameters of rlhf/online_dpo by name.
    """
    for name, least in AT_LEAST.items():
        if (value := task[name]) is not None and not least <= value < math.inf:
            yield outside(name, value, f"at least {least}", least)
    for name, example in ABOVE_0.items():
        if (value := task[name]) is not None and not 0 < value < math.inf:
            yield outside(name, value, "above 0", example)
    if not 0 <= task["label_smoothing"] < 0.5:
        yield outside("label_smoothing", task["label_smoothing"], "from 0 to below 0.5", 0.1)
    if task["length_penalty"] > 0 and task["pairing"] != "max_min_p":
        yield ConfigError(
            f"task.length_penalty={task['length_penalty']} counts for task.pairing=max_min_p alone",
            hint="task.pairing=max_min_p; or task.length_penalty=0",
        )
    if not task["lora_targets"]:
        yield outside("lora_targets", [], "names of layers", "[q_proj,v_proj]")
    if task["reward_model"] is not None and task["judge"] != "rm":
        yield ConfigError(
            f"task.reward_model={task['reward_model']} counts for task.judge=rm alone",
            hint="task.judge=rm; or leave task.reward_model away",
        )
    yield from _exploration(task)


def _exploration(task: Mapping[str, Any]) -> Iterator[ConfigError]:
    source, share, n = task["explore"], task["explore_share"], task["samples"]
    if source is None:
        return
    if not isinstance(source, str) and not 0 < source < math.inf:
        yield outside("explore", source, "above 0", 1.3)
    if not 0 < share < 1 or not 0 < round(share * n) < n:
        yield ConfigError(
            f"task.explore_share={share} of task.samples={n} is none of them or all",
            hint="as in task.explore_share=0.5",
        )

"""A language model of tiny arithmetic with random weights, in memory, for tests of policies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import LlamaForCausalLM

from iterun.models.lm import CausalLM
from iterun.models.policy_sampling import Sampler
from iterun.models.rlhf_policy import Policy
from iterun.models.tiny_math import CONTEXT, config, tokenizer

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj"]


def model(seed: int = 0, sharpness: float = 8.0) -> CausalLM:
    """Random weights; logits this many times as far apart as freshly drawn ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module: Any = LlamaForCausalLM(config()).eval()
    with torch.no_grad():
        module.model.norm.weight.mul_(sharpness)
    module.requires_grad_(requires_grad=False)
    return CausalLM(
        name="tiny", module=module, tokenizer=tokenizer(), context=CONTEXT, folder=Path("tiny")
    )


def policy(lora_rank: int | None = None, seed: int = 0) -> Policy:
    draw = torch.Generator().manual_seed(1)
    return Policy(model(seed), lora_rank=lora_rank, lora_targets=TARGETS, generator=draw)


def sampler(module: Any, *, max_tokens: int = 12, rows: int = 64) -> Sampler:
    return Sampler(
        module, "tiny", ends=[tokenizer().eos_token_id], max_tokens=max_tokens, rows=rows
    )


def encoded(*prompts: str) -> list[tuple[int, ...]]:
    encode = tokenizer()
    return [tuple(encode(prompt)["input_ids"]) for prompt in prompts]

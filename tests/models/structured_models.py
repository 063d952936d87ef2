"""Small random models with heads and channels to prune, in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM, Qwen2Config
from transformers import Qwen2ForCausalLM as Qwen2

if TYPE_CHECKING:
    from torch import Tensor, nn

    from iterun.models.structured import Group

SIZES = dict(vocab_size=60, max_position_embeddings=32, bos_token_id=0, eos_token_id=0)
IDS = torch.randint(1, 60, (3, 12), generator=torch.Generator().manual_seed(3))


def model(name: str, n_blocks: int = 3, **changes: object) -> nn.Module:
    """opt, opt-untied, llama, gqa (6 queries on 3 keys, tied) or qwen2 (q, k, v biases)."""
    torch.manual_seed(0)
    llama = dict(hidden_size=48, intermediate_size=40, num_hidden_layers=n_blocks)
    llama |= dict(initializer_range=0.2, pad_token_id=0, **SIZES)
    made: nn.Module
    if name.startswith("opt"):
        made = OPTForCausalLM(OPTConfig(**(dict(
            hidden_size=48, word_embed_proj_dim=48, ffn_dim=40, num_attention_heads=4,
            num_hidden_layers=n_blocks, init_std=0.2, pad_token_id=0, dropout=0.0,
            tie_word_embeddings=name == "opt", **SIZES) | changes)))  # fmt: skip
    elif name == "llama":
        heads = dict(num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=False)
        made = LlamaForCausalLM(LlamaConfig(**(llama | heads | changes)))
    elif name == "gqa":
        heads = dict(num_attention_heads=6, num_key_value_heads=3, tie_word_embeddings=True)
        made = LlamaForCausalLM(LlamaConfig(**(llama | heads | changes)))
    else:
        heads = dict(num_attention_heads=6, num_key_value_heads=3)
        made = Qwen2(Qwen2Config(**(llama | heads | changes)))
    for parameter_name, parameter in made.named_parameters():
        if parameter_name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    return made.eval().requires_grad_(requires_grad=False)


def random_masks(groups: list[Group], seed: int = 0) -> dict[str, Tensor]:
    """Another share of every group, at least one unit kept."""
    draw = torch.Generator().manual_seed(seed)
    kept = {}
    for group in groups:
        kept[group.name] = torch.rand(group.n, generator=draw) > 0.5
        kept[group.name][int(torch.randint(group.n, (1,), generator=draw))] = True
    return kept


def logits(module: nn.Module, ids: Tensor = IDS) -> Tensor:
    with torch.no_grad():
        found: Tensor = module(input_ids=ids).logits
    return found

"""OPT by its published shapes, and opt-mini: configs and randomly initialized models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, nearest

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Shape:
    """What tells one OPT from another."""

    blocks: int
    width: int
    heads: int
    vocabulary: int = 50272
    context: int = 2048


SHAPES = {
    "opt-mini": Shape(4, 192, 6, vocabulary=4096, context=256),
    "opt-125m": Shape(12, 768, 12),
    "opt-1.3b": Shape(24, 2048, 32),
    "opt-2.7b": Shape(32, 2560, 32),
    "opt-6.7b": Shape(32, 4096, 32),
    "opt-13b": Shape(40, 5120, 40),
    "opt-30b": Shape(48, 7168, 56),
}


def config(name: str, **changes: Any) -> Any:
    """The OPTConfig of a size in `SHAPES`.

    Args:
        name: "opt-mini", "opt-125m" ...; opt-350m is built differently and not among them.
        **changes: fields of OPTConfig laid over it, as in `num_hidden_layers=2`.
    """
    from transformers import OPTConfig

    if name not in SHAPES:
        raise ConfigError(
            f"there is no OPT named {name!r}",
            hint=f"take one of {', '.join(nearest(name, SHAPES) or SHAPES)}",
        )
    shape = SHAPES[name]
    settings = {
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "word_embed_proj_dim": shape.width,
        "num_hidden_layers": shape.blocks,
        "num_attention_heads": shape.heads,
        "ffn_dim": 4 * shape.width,
        "max_position_embeddings": shape.context,
        "dropout": 0.1,
        "attention_dropout": 0.0,
        "activation_function": "relu",
        **({"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1} if name == "opt-mini" else {}),
    }
    return OPTConfig(**(settings | changes))


def random_model(config: Any, seed: int = 0) -> nn.Module:
    """An OPTForCausalLM with random weights, a function of the seed, in eval mode."""
    import torch
    from transformers import OPTForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = OPTForCausalLM(config)
    return model.eval()

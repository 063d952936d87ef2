"""A model built without weights, and tensors put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def without_weights(config: Any, dtype: torch.dtype) -> Any:
    """The model on the meta device; buffers that no file holds are computed for real."""
    from transformers import AutoModelForCausalLM

    from iterun.models.lm import dtype_argument

    with torch.device("meta"):
        module = AutoModelForCausalLM.from_config(config, **dtype_argument(dtype))
    for parent, child_name, child in _children(module):
        if child._non_persistent_buffers_set and any(
            buffer.is_meta for buffer in child.buffers(recurse=False)
        ):
            # Rotary embeddings: made from the config alone.
            setattr(parent, child_name, type(child)(config=config))
    return module.eval().requires_grad_(False)


def assign(module: Any, tensors: Mapping[str, Tensor], *, tied: bool) -> None:
    """Put tensors in the place of those of the same names; tie the head again."""
    for name, tensor in tensors.items():
        owner, _, attribute = name.rpartition(".")
        parent = module.get_submodule(owner)
        if attribute in parent._parameters:
            setattr(parent, attribute, nn.Parameter(tensor, requires_grad=False))
        else:
            setattr(parent, attribute, tensor)
    if tied:
        module.get_output_embeddings().weight = module.get_input_embeddings().weight


def _children(module: nn.Module) -> list[tuple[nn.Module, str, nn.Module]]:
    return [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
    ]

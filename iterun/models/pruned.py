"""What the prune family delivers, and how it is read back.

    masks.safetensors      parameter name -> uint8, 1 = kept
    model/                 config, tokenizer, safetensors shards: loads with `from_pretrained` alone
    compact/               the same without its pruned heads and channels, see `compact`
    retrained.safetensors  what retraining trained, under the parameters' names; factors of adapters
                           as LAYER.lora_A and LAYER.lora_B, their form and scale in the metadata
    updated.safetensors    weights that are not the dense ones under the mask (SparseGPT's; or what
                           an earlier cycle merged, or removed and a later one keeps)
    blocks/                one block's weights and masks (8 to a byte) each, while blocks are pruned
                           one by one; `model/` links to the weights

The dense model, masks, `updated` and `retrained` rebuild the result: `rebuild`.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import torch

from iterun.models.compact import layers_of, write_structure
from iterun.models.mask_files import put_masks, read_masks
from iterun.models.recipe import untie_head
from iterun.models.sequential import tied_head
from iterun.models.snapshot import INDEX, WEIGHTS
from iterun.models.tensor_files import write_tensors
from iterun.ops.lora import effective_weight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from iterun.models.recipe import Recipe
    from iterun.models.sequential import BlockSource


def write_model(folder: Path, source: BlockSource, blocks: Sequence[Path], tokenizer: Any) -> None:
    """Put a model folder together from files of its blocks, linked and not copied.

    Args:
        folder: empty.
        source: gives what is in no block, and the config.
        blocks: safetensors files, keys being names in the model.
        tokenizer: saved along.
    """
    from safetensors import safe_open

    outside = source.outside()
    write_tensors(folder / "model-outside.safetensors", outside)
    where = dict.fromkeys(outside, "model-outside.safetensors")
    for b, path in enumerate(blocks):
        name = f"model-block-{b:03}.safetensors"
        _link(path, folder / name)
        with safe_open(path, framework="pt", device="cpu") as file:
            where |= dict.fromkeys(file.keys(), name)
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (folder / INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")
    dtype = next(iter(outside.values())).dtype
    save_settings(folder, source.module, tokenizer, dtype)


def save_settings(folder: Path, module: Any, tokenizer: Any, dtype: torch.dtype) -> None:
    """Config and tokenizer, so that `from_pretrained` finds all it needs.

    A compact model has a structure.json in the place of a config.
    """
    config = module.config
    config.architectures = [type(module).__name__]
    config.dtype = dtype
    if layers := layers_of(module):
        write_structure(folder, module, layers)
    else:
        config.save_pretrained(folder)
    if module.can_generate() and module.generation_config is not None:
        module.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def save_whole(folder: Path, module: Any, tokenizer: Any) -> None:
    """A model in memory as a model folder."""
    from iterun.models.lm import quiet_loading

    if layers_of(module):
        tied = tied_head(module)
        tensors = {name: t for name, t in module.state_dict().items() if name != tied}
        write_tensors(folder / WEIGHTS, tensors)
        save_settings(folder, module, tokenizer, next(iter(tensors.values())).dtype)
        return
    with quiet_loading():
        module.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def save_adapter(folder: Path, values: Mapping[str, Tensor], recipe: Recipe) -> None:
    """Factors of plain LoRA as a peft adapter of the model beside it.

    Args:
        folder: empty.
        values: LAYER.lora_A and LAYER.lora_B; others are left out.
        recipe: rank and alpha.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    factors = {name: value for name, value in values.items() if name[:-1].endswith(".lora_")}
    layers = sorted({name.rpartition(".")[0] for name in factors})
    settings = LoraConfig(
        r=recipe.lora_r,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=0.0,
        target_modules=layers,
        task_type="CAUSAL_LM",
        base_model_name_or_path="../model",
        inference_mode=True,
    )
    settings.save_pretrained(str(folder))
    keys = {f"base_model.model.{name}.weight": value for name, value in factors.items()}
    save_file(
        {key: value.detach().cpu().contiguous() for key, value in keys.items()},
        folder / "adapter_model.safetensors",
    )


def rebuild(
    module: nn.Module, masks: Path, retrained: Path | None = None, updated: Path | None = None
) -> None:
    """Turn the dense model into a run's result, from its artifacts.

    Plain `lora` adapters are merged like the others, which fills zeros.

    Args:
        module: the dense model, changed in place.
        masks: masks.safetensors.
        retrained: retrained.safetensors, if something was trained.
        updated: updated.safetensors, if there is one.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file

    found = dict(read_masks(masks))
    with torch.no_grad():
        for name, tensor in (load_file(updated) if updated else {}).items():
            if name not in found:
                untie_head(module)  # it was trained, and has left the embedding
            module.get_parameter(name).copy_(tensor)
        put_masks(module, "", found)
        if retrained:
            with safe_open(retrained, framework="pt") as file:
                recipe = file.metadata()
            _apply(module, load_file(retrained), recipe, found)


def _apply(
    module: Any,
    values: Mapping[str, Tensor],
    recipe: Mapping[str, str],
    masks: Mapping[str, Tensor],
) -> None:
    """Copy trained parameters, merge factors."""
    for name, value in values.items():
        layer, _, leaf = name.rpartition(".")
        if leaf == "lora_A":
            form = recipe["lora_type"]
            if f"{layer}.weight" not in masks:
                untie_head(module)
                form = "lora"
            weight = module.get_submodule(layer).weight
            scale = float(recipe["lora_alpha"]) / int(recipe["lora_r"])
            mask = None if form == "lora" else masks[f"{layer}.weight"].to(weight.device)
            factors = value.to(weight.device), values[f"{layer}.lora_B"].to(weight.device)
            weight.copy_(
                effective_weight(weight, mask, *factors, None if form == "scale_lora" else scale)
            )
        elif leaf != "lora_B":
            module.get_parameter(name).copy_(value)


def _link(path: Path, target: Path) -> None:
    """The same file under a second name; a copy where the file system has no links."""
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)

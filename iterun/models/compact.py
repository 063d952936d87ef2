"""A model without its pruned heads and channels: smaller matrices, a size of its own in each block.

A compact folder holds sliced safetensors, the tokenizer and, in the place of config.json, which
cannot say that blocks differ, structure.json:

    {"version": 1, "config": {the dense model's}, "layers": [{"name": "model.layers.0",
     "heads": [0, 2], "channels": [0, 1, 5]}]}

heads and channels are those kept, by their numbers in the dense model; with grouped queries a head
is a key/value head with all its query heads. `load_compact` builds the dense model's modules
without weights, makes their matrices smaller, and reads the tensors. Its attention is transformers'
own, which takes the number of heads from the matrices or from attributes set here.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from iterun.errors import ConfigError
from iterun.models.blocks import find_blocks
from iterun.models.sequential import tied_head
from iterun.models.skeleton import assign, without_weights
from iterun.models.snapshot import STRUCTURE
from iterun.models.structured import Group, find_groups, head_dim, parameter_masks
from iterun.models.weights import WeightFiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

VERSION = 1
ATTRIBUTE = "iterun_layers"  # of a compact module: its list of `Layer`


@dataclass(frozen=True)
class Layer:
    """What is kept of one block, by numbers in the dense model."""

    name: str
    heads: list[int]
    channels: list[int]


def layers_of(module: nn.Module) -> list[Layer] | None:
    """What a compact model keeps; None: it isn't one."""
    found: list[Layer] | None = getattr(module, ATTRIBUTE, None)
    return found


def zero_dead(module: nn.Module, groups: Sequence[Group], kept: Mapping[str, Tensor]) -> None:
    """Set pruned units to 0 in all their matrices and biases; the shapes stay."""
    with torch.no_grad():
        for name, mask in parameter_masks(module, groups, kept).items():
            module.get_parameter(name).masked_fill_(~mask, 0.0)


def shrink(module: Any, groups: Sequence[Group], kept: Mapping[str, Tensor]) -> None:
    """Cut pruned units out of a model in memory, in place.

    Args:
        module: without adapters; it may be compact already.
        groups: those that may be pruned, as `find_groups` gives them.
        kept: by group; bool, (units,).
    """
    before = layers_of(module) or _whole(module)
    after = [asdict(layer) for layer in before]
    for group in groups:
        units = kept[group.name].nonzero().flatten()
        after[group.block][group.kind] = [
            after[group.block][group.kind][unit] for unit in units.tolist()
        ]
        for member in group.members:
            layer: Any = module.get_submodule(member.layer)
            lines = kept[group.name].repeat_interleave(member.size)
            _cut(layer, lines, rows=member.along == "rows")
    _set_layers(module, [Layer(**layer) for layer in after])


def write_structure(folder: Path, module: Any, layers: Sequence[Layer]) -> None:
    """structure.json of a compact model."""
    config = {k: v for k, v in module.config.to_dict().items() if k != "_name_or_path"}  # a path
    found = {"version": VERSION, "config": config, "layers": [asdict(layer) for layer in layers]}
    (folder / STRUCTURE).write_text(json.dumps(found), encoding="utf-8")


def load_compact(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """The model of a compact folder, in eval mode, no parameter requiring a gradient.

    Raises:
        ConfigError: structure.json or the weights are not what they should be.
    """
    from transformers import GenerationConfig

    module = skeleton(folder, dtype)
    tied = tied_head(module)
    shapes = {name: t.shape for name, t in module.state_dict().items() if name != tied}
    files = WeightFiles(folder, shapes, module.base_model_prefix)
    tensors = files.read(shapes, device, dtype)
    for name, tensor in tensors.items():
        if tensor.shape != shapes[name]:
            raise _misfit(
                folder, f"{name} is {tuple(tensor.shape)} instead of {tuple(shapes[name])}"
            )
    assign(module, tensors, tied=tied is not None)
    if (folder / "generation_config.json").is_file():
        module.generation_config = GenerationConfig.from_pretrained(folder)
    return module.to(device)


def skeleton(folder: Path, dtype: torch.dtype) -> Any:
    """The model of a compact folder without weights: its matrices have their shapes.

    Raises:
        ConfigError: structure.json is not what it should be.
    """
    from transformers import AutoConfig

    try:
        found = json.loads((folder / STRUCTURE).read_text(encoding="utf-8"))
        layers = [Layer(**layer) for layer in found["layers"]]
        settings = dict(found["config"])
        config = AutoConfig.for_model(settings.pop("model_type"), **settings)
        module = without_weights(config, dtype)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise _misfit(folder, what.partition("\n")[0]) from error
    groups = find_groups(module)
    whole = _whole(module)
    if [layer.name for layer in layers] != [layer.name for layer in whole]:
        raise _misfit(folder, f"it names {len(layers)} layers, the config {len(whole)}")
    shrink(module, groups, {group.name: _mask(folder, group, layers) for group in groups})
    return module


def _mask(folder: Path, group: Group, layers: Sequence[Layer]) -> Tensor:
    """The units that structure.json keeps of a group."""
    numbers = getattr(layers[group.block], group.kind)
    good = isinstance(numbers, list) and all(type(n) is int and 0 <= n < group.n for n in numbers)
    if not good or not numbers or sorted(set(numbers)) != numbers:
        raise _misfit(
            folder, f"{group.kind} of layer {group.block} are not rising numbers below {group.n}"
        )
    kept = torch.zeros(group.n, dtype=torch.bool)
    kept[numbers] = True
    return kept


def _whole(module: nn.Module) -> list[Layer]:
    """All that a dense model has."""
    names = list(find_blocks(module))
    units = {(group.block, group.kind): list(range(group.n)) for group in find_groups(module)}
    return [Layer(name, units[b, "heads"], units[b, "channels"]) for b, name in enumerate(names)]


def _cut(layer: nn.Linear, lines: Tensor, *, rows: bool) -> None:
    """Keep these rows, and their biases, or these columns of a layer, with or without weights."""
    index = lines.nonzero().flatten()
    at = index.to(layer.weight.device)
    weight = layer.weight.detach().index_select(0 if rows else 1, at)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if rows and layer.bias is not None:
        layer.bias = nn.Parameter(layer.bias.detach().index_select(0, at), requires_grad=False)
    if rows:
        layer.out_features = len(index)
    else:
        layer.in_features = len(index)


def _set_layers(module: Any, layers: list[Layer]) -> None:
    """Note what is kept, and tell each attention how many heads it has."""
    setattr(module, ATTRIBUTE, layers)
    size = head_dim(module.config)
    for block in find_blocks(module).values():
        attention: Any = block.self_attn
        counts = {
            "num_heads": attention.q_proj.out_features // size,
            "num_key_value_heads": attention.k_proj.out_features // size,
        }
        for name, count in counts.items():
            if hasattr(attention, name):  # newer ones ask the matrices
                setattr(attention, name, count)


def _misfit(folder: Path, what: str) -> ConfigError:
    return ConfigError(
        f"{folder} is no compact model that can be read: {what}",
        hint="take the artifacts/compact of a run of prune/loraprune",
    )

"""Low-rank adapters on a denoiser, by peft: put on, switched off, saved, and put on again.

A saved adapter is a safetensors file of `LAYER.lora_A.weight` and `LAYER.lora_B.weight`, with the
scale alpha / rank already in B.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

ADAPTER = "default"
DISTILLED = "name the adapter.safetensors of a run of task=sample/lcm_lora"
A, B = ".lora_A.weight", ".lora_B.weight"


def put_on(
    module: nn.Module,
    targets: Sequence[str],
    rank: int,
    alpha: float,
    generator: torch.Generator | None = None,
) -> dict[str, nn.Parameter]:
    """Adapters on every layer whose name ends in one of `targets`; they change nothing at first.

    Args:
        module: everything else in it is frozen.
        targets: last parts of names.
        rank: of the adapters.
        alpha: their scale is alpha / rank.
        generator: draws A, on the CPU; None: what is loaded next replaces it.

    Returns:
        What is trained, float32, by name.
    """
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    with torch.random.fork_rng(devices=[]):  # peft draws A from the global generator
        inject_adapter_in_model(config, module, ADAPTER)
    found = {name: p for name, p in module.named_parameters() if p.requires_grad}
    for name, parameter in found.items():
        parameter.data = parameter.data.float()
        if generator is not None and ".lora_A." in name:
            drawn = torch.empty(parameter.shape)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
            parameter.data.copy_(drawn)
    return found


@contextmanager
def off(module: nn.Module) -> Iterator[None]:
    """In here the module computes what it did without adapters."""
    layers = _layers(module).values()
    for layer in layers:
        layer._disable_adapters = True  # enable_adapters() would reset requires_grad at each call
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = False


def tensors(module: nn.Module) -> dict[str, Tensor]:
    """The adapters as they are saved."""
    found = {}
    for name, layer in _layers(module).items():
        found[name + A] = layer.lora_A[ADAPTER].weight.detach().clone()
        found[name + B] = layer.lora_B[ADAPTER].weight.detach() * layer.scaling[ADAPTER]
    return found


def check(saved: Mapping[str, Tensor], setting: str) -> None:
    """Refuse what `tensors` did not give; `setting` is as typed.

    Raises:
        ConfigError: these are no adapters.
    """
    names = [key.removesuffix(A) for key in saved if key.endswith(A)]
    if not names or set(saved) != {name + end for name in names for end in (A, B)}:
        raise ConfigError(f"{setting} holds no adapters of this kind", hint=DISTILLED)


def load(module: nn.Module, saved: Mapping[str, Tensor], setting: str) -> None:
    """Put saved adapters on.

    Args:
        module: has none yet.
        saved: as `tensors` gives them.
        setting: as typed, "task.lora=file:adapter.safetensors".

    Raises:
        ConfigError: these are no adapters, or not of this module.
    """
    check(saved, setting)
    layers = {key.removesuffix(A): value for key, value in saved.items() if key.endswith(A)}
    known = dict(module.named_modules())
    for name, a in layers.items():
        weight = getattr(known.get(name), "weight", None)
        b = saved[name + B]
        fits = weight is not None and (b.shape[0], a.shape[1]) == tuple(weight.shape[:2])
        if not fits or a.shape[0] != b.shape[1]:
            raise ConfigError(
                f"{setting} was made for another model: its layer {name} doesn't fit",
                hint="take the model= that it was distilled from, or one tuned from that",
            )
    ranks = {len(a) for a in layers.values()}
    for rank in ranks:
        names = [name for name, a in layers.items() if len(a) == rank]
        put_on(module, names, rank, rank)
    for name, layer in _layers(module).items():
        layer.lora_A[ADAPTER].weight.data.copy_(saved[name + A])
        layer.lora_B[ADAPTER].weight.data.copy_(saved[name + B])
    module.requires_grad_(requires_grad=False)


def _layers(module: nn.Module) -> dict[str, Any]:
    """The layers with adapters, by name."""
    from peft.tuners.lora import LoraLayer

    return {name: layer for name, layer in module.named_modules() if isinstance(layer, LoraLayer)}

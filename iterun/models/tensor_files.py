"""Safetensors files written and read without a second copy of all that is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch
    from torch import Tensor


def write_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """A safetensors file of tensors as they lie in memory, without a second copy of them all."""
    from safetensors.torch import save_file

    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(ready, path, metadata={"format": "pt", **(metadata or {})})


def join_tensors(path: Path, paths: Sequence[Path], metadata: Mapping[str, str]) -> None:
    """Write the tensors of several files, small ones, into one."""
    from safetensors.torch import load_file

    tensors = {name: tensor for part in paths for name, tensor in load_file(part).items()}
    write_tensors(path, tensors, metadata)


def read_tensor(path: Path, name: str, device: torch.device) -> Tensor:
    """One tensor of a safetensors file, a copy."""
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        tensor: Tensor = file.get_tensor(name).to(device, copy=True)
    return tensor

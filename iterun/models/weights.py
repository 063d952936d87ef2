"""The safetensors of a model folder, read a few tensors at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iterun.errors import ConfigError
from iterun.models.snapshot import INDEX, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import torch
    from torch import Tensor


class WeightFiles:
    """The tensors of a model folder by the module's names, read a few at a time.

    Args:
        folder: holds `model.safetensors`, or shards and their index.
        names: those of the module's state.
        prefix: transformers' `base_model_prefix`; files saved from the base model leave it out.

    Raises:
        ConfigError: a tensor is in no file.
    """

    def __init__(self, folder: Path, names: Iterable[str], prefix: str) -> None:
        files = _file_of_key(folder)
        self._where: dict[str, tuple[Path, str]] = {}
        missing = []
        for name in names:
            key = name if name in files else name.removeprefix(f"{prefix}.")
            if key in files:
                self._where[name] = files[key], key
            else:
                missing.append(name)
        if missing:
            raise ConfigError(
                f"{folder} has no weights for {', '.join(missing[:3])}"
                + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
                hint="save the whole model anew with save_pretrained; or task.stream=false",
            )

    def read(
        self, names: Iterable[str], device: torch.device, dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """Copies of these tensors; nothing of the files stays mapped."""
        wanted: dict[Path, list[tuple[str, str]]] = {}
        for name in names:
            path, key = self._where[name]
            wanted.setdefault(path, []).append((name, key))
        found: dict[str, Tensor] = {}
        for path, pairs in wanted.items():
            found |= read_tensors(path, pairs, device, dtype)
        return found


def read_tensors(
    path: Path, pairs: Iterable[tuple[str, str]], device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Copies of tensors of one safetensors file, given as (name, key in the file)."""
    from safetensors import safe_open

    found = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name, key in pairs:
            # A copy: what safe_open gives maps the file, and its pages count as memory.
            tensor = file.get_tensor(key)
            wanted = dtype if tensor.is_floating_point() else tensor.dtype
            found[name] = tensor.to(device=device, dtype=wanted, copy=True)
    return found


def _file_of_key(folder: Path) -> dict[str, Path]:
    """Which file holds each tensor."""
    from safetensors import SafetensorError, safe_open

    try:
        if (folder / INDEX).is_file():
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            return {key: folder / name for key, name in index["weight_map"].items()}
        with safe_open(folder / WEIGHTS, framework="pt", device="cpu") as file:
            return dict.fromkeys(file.keys(), folder / WEIGHTS)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ConfigError(
            f"the weights in {folder} cannot be read: {error}",
            hint="fetch or save the model anew with save_pretrained",
        ) from error

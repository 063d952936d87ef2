"""Masks in files: all of a model as bytes, or one block as bits.

masks.safetensors is parameter name -> uint8, 1 = kept. While blocks are pruned one by one each
leaves a file with 8 weights to a byte, from which masks.safetensors is put together at the end.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import torch

from iterun.models.tensor_files import write_tensors
from iterun.ops.masks import zero_pruned_

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn


def write_masks(path: Path, shapes: Mapping[str, Sequence[int]], masks: Iterable[Tensor]) -> None:
    """Write masks.safetensors mask by mask; only one is in memory.

    Args:
        path: of the file.
        shapes: by parameter name.
        masks: bool or uint8, in the order of `shapes`.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt", "1": "kept"}}
    offset = 0
    for name, shape in shapes.items():
        end = offset + math.prod(shape)
        header[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for mask, shape in zip(masks, shapes.values(), strict=True):
            assert tuple(mask.shape) == tuple(shape)
            mask.to(torch.uint8).contiguous().cpu().numpy().tofile(file)


def read_masks(path: Path) -> Iterator[tuple[str, Tensor]]:
    """The masks of masks.safetensors by parameter name, one by one; bool."""
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        for name in file.keys():  # noqa: SIM118 (not a dict)
            yield name, file.get_tensor(name).bool()


def write_block_masks(path: Path, name: str, masks: Mapping[str, Tensor]) -> None:
    """One block's masks as bits, 8 to a byte; the shapes stand in the metadata.

    Args:
        path: of the file.
        name: the block's.
        masks: by layer within the block; bool.
    """
    import numpy as np

    bits, shapes = {}, {}
    for layer, mask in masks.items():
        full = f"{name}.{layer}.weight"
        bits[full] = torch.from_numpy(np.packbits(mask.reshape(-1).cpu().numpy()))
        shapes[full] = list(mask.shape)
    write_tensors(path, bits, {"shapes": json.dumps(shapes)})


def read_block_masks(path: Path) -> dict[str, Tensor]:
    """What `write_block_masks` wrote, by parameter name; bool."""
    import numpy as np
    from safetensors import safe_open

    masks = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name, (rows, columns) in json.loads(file.metadata()["shapes"]).items():
            flat = np.unpackbits(file.get_tensor(name).numpy(), count=rows * columns)
            masks[name] = torch.from_numpy(flat.astype(bool)).view(rows, columns)
    return masks


def join_masks(path: Path, paths: Sequence[Path]) -> None:
    """Write masks.safetensors from files of blocks; one block's masks are in memory."""
    from safetensors import safe_open

    shapes: dict[str, list[int]] = {}
    for part in paths:
        with safe_open(part, framework="pt", device="cpu") as file:
            shapes |= json.loads(file.metadata()["shapes"])
    write_masks(path, shapes, (m for part in paths for m in read_block_masks(part).values()))


def put_masks(module: nn.Module, name: str, masks: Mapping[str, Tensor]) -> None:
    """Set what masks say is pruned to zero.

    Args:
        module: changed in place.
        name: its place in the model, "" for the whole.
        masks: by parameter name in the model; bool, True = kept.
    """
    for full, mask in masks.items():
        weight = module.get_parameter(full.removeprefix(f"{name}."))
        zero_pruned_(weight.data, mask.to(weight.device))


def check_zeros(module: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Make sure that what was pruned is exactly 0, matrix by matrix; masks are by layer."""
    for name, mask in masks.items():
        weight = module.get_parameter(f"{name}.weight")
        revived = int(weight.masked_select(~mask).count_nonzero())
        assert not revived, f"{revived} pruned weights of {name} are not 0"

"""Tensors and arrays as safetensors, written in a stream, any dtype.

The library writes all tensors at once from contiguous memory and wraps a full disk in an error of
its own; this writer streams, hashes on the way and lets the OSError through. The library reads.

A safetensors file is 8 bytes of header length (little endian), the header in JSON, {name: {dtype,
shape, data_offsets}}, and the numbers one after the other.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import torch

_CHUNK = 16 << 20
_CODES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "uint16": "U16",
    "uint32": "U32", "uint64": "U64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip


@dataclass(frozen=True)
class Stored:
    """One tensor as it goes into a file: bytes that are hashed and written in chunks."""

    code: str  #: safetensors' name of the dtype; U8 for what it has no name for
    shape: list[int]
    data: memoryview  #: flat, of bytes

    def entry(self, offset: int) -> dict[str, Any]:
        """The tensor's line in the header."""
        return {
            "dtype": self.code, "shape": self.shape,
            "data_offsets": [offset, offset + self.data.nbytes],
        }  # fmt: skip


def stored(tensor: torch.Tensor) -> Stored:
    """The bytes of a contiguous CPU tensor, without a copy."""
    import torch

    data = memoryview(b"")
    if tensor.numel():
        flat = tensor.detach().reshape(-1)
        if flat.stride() != (1,):  # a single number out of a larger tensor counts as contiguous
            flat = flat.clone(memory_format=torch.contiguous_format)
        data = flat.view(torch.uint8).numpy().data
    code = _CODES.get(dtype_name(tensor.dtype))
    return Stored(code or "U8", list(tensor.shape) if code else [data.nbytes], data)


def dtype_name(dtype: torch.dtype) -> str:
    """The name of torch.bfloat16: "bfloat16"."""
    return str(dtype).removeprefix("torch.")


def pieces(tensors: Mapping[str, Stored]) -> Iterator[bytes | memoryview]:
    """The bytes of a safetensors file, in order."""
    header: dict[str, Any] = {}
    offset = 0
    for name, tensor in tensors.items():
        header[name] = tensor.entry(offset)
        offset += tensor.data.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    yield len(text).to_bytes(8, "little") + text
    for tensor in tensors.values():
        for start in range(0, tensor.data.nbytes, _CHUNK):
            yield tensor.data[start : start + _CHUNK]


def digest(tensors: Mapping[str, Stored]) -> str:
    """SHA-256 of the file that `write` would make."""
    total = hashlib.sha256()
    for piece in pieces(tensors):
        total.update(piece)
    return total.hexdigest()


def write(path: Path, tensors: Mapping[str, Stored]) -> str:
    """Write a safetensors file onto the disk; its SHA-256.

    Raises:
        OSError: as the disk gives it.
    """
    total = hashlib.sha256()
    with open(path, "xb") as file:
        for piece in pieces(tensors):
            total.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return total.hexdigest()


def save_file(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors by name as a plain safetensors file: any device, any strides, any dtype.

    A dtype that the format has no name for (complex) is refused.

    Raises:
        TypeError: such a dtype.
        OSError: as the disk gives it.
    """
    for name, tensor in tensors.items():
        if dtype_name(tensor.dtype) not in _CODES:
            raise TypeError(
                f"the tensor {name!r} is {tensor.dtype}: safetensors has no name for it"
            )
    write(
        path, {name: stored(tensor.detach().cpu().contiguous()) for name, tensor in tensors.items()}
    )

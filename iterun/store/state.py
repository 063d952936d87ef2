"""A procedure's state as JSON and named tensors, and back, every type as it went in.

JSON stands for itself; what it has no form for is an object with one key that starts with "$":

    {"$float": "nan"}  {"$int": "-0x1f…"}  {"$tuple": […]}  {"$dict": [[key, value], …]}
    {"$bytes": base64}  {"$ref": [path, sha256]}  {"$tensor": {…}}  {"$array": {…}}
    {"$scalar": [dtype, base64]}  {"$ordered": […]}
"""

from __future__ import annotations

import base64
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from iterun.types import Ref

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    import torch

_PLAIN_INT = 1 << 63  # beyond it other JSON readers lose digits


class Packer:
    """Takes a state apart: `pack` returns JSON, tensors gather in `tensors`."""

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}  #: contiguous, on the CPU
        self.refs: dict[str, Ref] = {}
        self._seen: dict[int, tuple[torch.Tensor, dict[str, Any]]] = {}

    def pack(self, value: Any, where: str = "state()") -> Any:
        """The JSON form of `value`.

        Raises:
            TypeError: a type that a state can't hold; the message says where it stands.
        """
        kind = type(value)
        if value is None or kind in (bool, str):
            return value
        if pack := _PACK.get(kind):
            return pack(self, value, where)
        return self._pack_special(value, where)

    def _int(self, value: int, where: str) -> Any:
        return value if -_PLAIN_INT <= value < _PLAIN_INT else {"$int": hex(value)}

    def _float(self, value: float, where: str) -> Any:
        return value if math.isfinite(value) else {"$float": str(value)}

    def _list(self, value: list[Any], where: str) -> Any:
        return [self.pack(item, f"{where}[{i}]") for i, item in enumerate(value)]

    def _tuple(self, value: tuple[Any, ...], where: str) -> Any:
        return {"$tuple": self._list(list(value), where)}

    def _dict(self, value: dict[Any, Any], where: str) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: self.pack(item, f"{where}[{key!r}]") for key, item in value.items()}
        return {"$dict": self._items(value, where)}

    def _ordered(self, value: OrderedDict[Any, Any], where: str) -> Any:
        return {"$ordered": self._items(value, where)}

    def _items(self, value: dict[Any, Any], where: str) -> Any:
        return [
            [self.pack(key, f"the key {key!r} of {where}"), self.pack(item, f"{where}[{key!r}]")]
            for key, item in value.items()
        ]

    def _bytes(self, value: bytes, where: str) -> Any:
        return {"$bytes": base64.b64encode(value).decode()}

    def _ref(self, value: Ref, where: str) -> Any:
        self.refs[value.path + value.sha256] = value
        return {"$ref": [value.path, value.sha256]}

    def _pack_special(self, value: Any, where: str) -> Any:
        import numpy as np
        import torch

        if isinstance(value, torch.Tensor):
            return {"$tensor": self._tensor(value, where)}
        if isinstance(value, np.generic) and value.dtype.kind not in "OV":
            return {"$scalar": [value.dtype.str, base64.b64encode(value.tobytes()).decode()]}
        if type(value) is np.ndarray and value.dtype.kind not in "OV" and value.dtype.itemsize:
            return {"$array": self._array(value)}
        kind = type(value)
        raise TypeError(
            f"{where} is a {kind.__module__}.{kind.__qualname__}, which a checkpoint can't hold: "
            "use dicts, lists, tuples, tensors, arrays, numbers, strings, None and Refs"
        )

    def _tensor(self, value: torch.Tensor, where: str) -> dict[str, Any]:
        import torch

        if id(value) in self._seen:
            return self._seen[id(value)][1]
        if value.layout is not torch.strided or value.is_quantized or value.is_meta:
            raise TypeError(f"{where} is a sparse, quantized or meta tensor: make it dense first")
        order = _stride_order(value)
        flat = value.detach().resolve_conj().resolve_neg().permute(order)
        tag: dict[str, Any] = {
            "key": self._keep(flat.cpu().contiguous()), "dtype": str(value.dtype)[6:],
            "shape": list(flat.shape),
        }  # fmt: skip
        if order != sorted(order):
            tag["order"] = order
        if value.requires_grad and value.is_leaf:
            tag["grad"] = True
        if type(value) is torch.nn.Parameter:
            tag["parameter"] = True
        if value.device.type != "cpu":
            tag["device"] = str(value.device)
        self._seen[id(value)] = value, tag  # the tensor is held: its id stays its own
        return tag

    def _array(self, value: np.ndarray[Any, Any]) -> dict[str, Any]:
        import numpy as np
        import torch

        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        # Writable, because torch warns of memory that it may not write.
        flat = np.require(value.T if fortran else value, requirements=["C", "W"]).reshape(-1)
        tag: dict[str, Any] = {
            "key": self._keep(torch.from_numpy(flat.view(np.uint8))), "dtype": value.dtype.str,
            "shape": list(value.shape),
        }  # fmt: skip
        return {**tag, "order": "F"} if fortran else tag

    def _keep(self, tensor: torch.Tensor) -> str:
        key = str(len(self.tensors))
        self.tensors[key] = tensor
        return key


_PACK: dict[type, Callable[[Packer, Any, str], Any]] = {
    int: Packer._int, float: Packer._float, list: Packer._list, tuple: Packer._tuple,
    dict: Packer._dict, OrderedDict: Packer._ordered, bytes: Packer._bytes, Ref: Packer._ref,
}  # fmt: skip


def _stride_order(tensor: torch.Tensor) -> list[int]:
    """The order of dimensions in which the memory is contiguous, if there is one.

    A transposed weight or a channels-last image comes back with the strides it had: another layout
    may add up its sums in another order.
    """
    plain = list(range(tensor.dim()))
    strides = tensor.stride()
    order = sorted(plain, key=lambda d: (-strides[d], d))
    return order if tensor.permute(order).is_contiguous() else plain


class Unpacker:
    """Puts a state together again from its JSON and its tensors.

    Args:
        tensors: as `Packer.tensors`.
        device: where tensors go that weren't on the CPU; None: to where they were, if it is there.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor], *, device: str | None = None) -> None:
        self._tensors = tensors
        self._device = device
        self._made: dict[str, Any] = {}

    def unpack(self, value: Any) -> Any:
        """The value that was packed.

        Raises:
            ValueError, TypeError, KeyError, AttributeError, RuntimeError: not what `pack` returns.
        """
        if isinstance(value, list):
            return [self.unpack(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((tag, inner),) = value.items()
            if tag.startswith("$"):
                return self._special(tag, inner)
        return {key: self.unpack(item) for key, item in value.items()}

    def _special(self, tag: str, inner: Any) -> Any:
        if tag in ("$tensor", "$array"):
            key = f"{tag}{inner['key']}"
            if key not in self._made:
                self._made[key] = self._tensor(inner) if tag == "$tensor" else self._array(inner)
            return self._made[key]
        if tag in ("$dict", "$ordered"):
            made = ((self.unpack(key), self.unpack(item)) for key, item in inner)
            return dict(made) if tag == "$dict" else OrderedDict(made)
        if tag == "$tuple":
            return tuple(self.unpack(item) for item in inner)
        if tag == "$scalar":
            return self._numbers(inner[0], base64.b64decode(inner[1], validate=True))[0]
        if tag == "$ref":
            return Ref(str(inner[0]), str(inner[1]))
        if tag == "$bytes":
            return base64.b64decode(inner, validate=True)
        if tag in ("$int", "$float"):
            return int(inner, 16) if tag == "$int" else float(inner)
        raise ValueError(f"unknown tag {tag}")

    def _tensor(self, tag: dict[str, Any]) -> torch.Tensor:
        import torch

        dtype = getattr(torch, tag["dtype"])
        if not isinstance(dtype, torch.dtype):
            raise ValueError(f"no dtype: {tag['dtype']}")
        # A copy, because a mapped file is not aligned as torch aligns: sums could differ in a bit.
        raw = self._tensors[tag["key"]]
        tensor = raw.clone() if raw.dtype == dtype else raw.clone().view(dtype)
        tensor = tensor.reshape(tag["shape"])
        if "order" in tag:
            order = tag["order"]
            tensor = tensor.permute([order.index(d) for d in range(len(order))])
        if "device" in tag:
            tensor = tensor.to(self._place(tag["device"]))
        if tag.get("parameter"):
            return torch.nn.Parameter(tensor, requires_grad=tag.get("grad", False))
        return tensor.requires_grad_() if tag.get("grad") else tensor

    def _place(self, device: str) -> str:
        import torch

        if self._device is not None:
            return self._device
        kind, _, number = device.partition(":")
        there = kind == "cuda" and torch.cuda.is_available()
        return device if there and int(number or 0) < torch.cuda.device_count() else "cpu"

    def _array(self, tag: dict[str, Any]) -> np.ndarray[Any, Any]:
        raw = self._tensors[tag["key"]].numpy().tobytes()
        return self._numbers(tag["dtype"], raw).reshape(tag["shape"], order=tag.get("order", "C"))

    def _numbers(self, dtype: str, raw: bytes) -> np.ndarray[Any, Any]:
        import numpy as np

        kind = np.dtype(str(dtype))
        if kind.hasobject:
            raise ValueError(f"no dtype of numbers or text: {dtype}")
        if not kind.itemsize:  # numpy's empty string
            return np.zeros(1, kind)
        return np.frombuffer(raw, kind).copy()

"""Named random generators, each seeded by SHA-256 of (seed, name, key), and the global ones.

A generator asked for without a key is kept and goes on through the run; with one
(`torch("order", epoch)`) it is made anew, a pure function of (seed, name, key). `state` holds the
kept ones only, since the others need no memory. The global generators of python, numpy and torch
are seeded and saved for libraries that draw from them; nothing of ours does.

torch's CPU generator (mt19937) takes the low 32 bits of its seed: of 1,000 names or keys, two
share their numbers with probability 1e-4. numpy's takes all 256 bits.
"""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import torch


class Generators:
    """The generators of one run.

    Args:
        seed: the run's seed; any integer.
    """

    def __init__(self, seed: int) -> None:
        self.seed = int(seed)
        self._torch: dict[tuple[str, str], torch.Generator] = {}
        self._numpy: dict[str, np.random.Generator] = {}
        # States put back for generators that nobody has asked for yet since `restore`.
        self._waiting_torch: dict[tuple[str, str], torch.Tensor] = {}
        self._waiting_numpy: dict[str, dict[str, Any]] = {}

    def torch(self, name: str, *key: object, device: str | torch.device = "cpu") -> torch.Generator:
        """The torch generator of this name; a kept one for each device if there is no key.

        Raises:
            TypeError: a key that isn't made of strings, numbers, booleans, None and tuples of them.
        """
        import torch

        place = (name, str(device))
        if not key and place in self._torch:
            return self._torch[place]
        seed = int.from_bytes(_digest(self.seed, name, key)[:8], "little")
        generator = torch.Generator(device).manual_seed(seed)
        if not key:
            self._torch[place] = generator
            if place in self._waiting_torch:
                generator.set_state(self._waiting_torch.pop(place))
        return generator

    def numpy(self, name: str, *key: object) -> np.random.Generator:
        """The numpy generator of this name (PCG64); as `torch` does."""
        import numpy as np

        if not key and name in self._numpy:
            return self._numpy[name]
        digest = _digest(self.seed, name, key)
        generator = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))
        if not key:
            self._numpy[name] = generator
            if name in self._waiting_numpy:
                generator.bit_generator.state = self._waiting_numpy.pop(name)
        return generator

    def seed_of(self, name: str, *key: object) -> int:
        """A seed from 0 to 2**63 - 1 for what draws by itself: a chat model, another process."""
        return int.from_bytes(_digest(self.seed, name, key)[:8], "little") >> 1

    def state(self) -> dict[str, Any]:
        """The kept ones' states: {"torch": [(name, device, bytes)], "numpy": [(name, dict)]}."""
        in_torch = {place: g.get_state() for place, g in self._torch.items()} | self._waiting_torch
        in_numpy = {name: dict(g.bit_generator.state) for name, g in self._numpy.items()}
        in_numpy |= self._waiting_numpy
        return {
            "torch": [(*place, in_torch[place]) for place in sorted(in_torch)],
            "numpy": [(name, in_numpy[name]) for name in sorted(in_numpy)],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Put the states back, into the very objects that were handed out where there are such."""
        self._waiting_torch = {(name, device): bits for name, device, bits in state["torch"]}
        self._waiting_numpy = dict(state["numpy"])
        for place in self._waiting_torch.keys() & self._torch.keys():
            self._torch[place].set_state(self._waiting_torch.pop(place))
        for name in self._waiting_numpy.keys() & self._numpy.keys():
            self._numpy[name].bit_generator.state = self._waiting_numpy.pop(name)

    def reseed(self, seed: int) -> None:
        """Begin anew with another seed, in the very objects that were handed out."""
        fresh = Generators(seed)
        for name, device in self._torch:
            state = fresh.torch(name, device=device).get_state()
            self._torch[name, device].set_state(state)
        for name, generator in self._numpy.items():
            generator.bit_generator.state = fresh.numpy(name).bit_generator.state
        self.seed = fresh.seed
        self._waiting_torch.clear()
        self._waiting_numpy.clear()


def seed_globals(seed: int) -> None:
    """Seed python's, numpy's and torch's global generators (torch's on every device)."""
    import numpy as np
    import torch

    digest = _digest(seed, "globals", ())
    random.seed(int.from_bytes(digest[:8], "little"))
    np.random.seed(int.from_bytes(digest[8:12], "little"))  # noqa: NPY002  libraries draw from it
    torch.manual_seed(int.from_bytes(digest[16:24], "little"))


def globals_state() -> dict[str, Any]:
    """The global generators' states, as a checkpoint takes them."""
    import numpy as np
    import torch

    version, words, gauss = random.getstate()
    on_gpu = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch's own
    return {
        "python": (version, np.array(words, dtype=np.uint32), gauss),
        "numpy": np.random.get_state(),  # noqa: NPY002  libraries draw from it
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if on_gpu else [],
    }


def restore_globals(state: dict[str, Any]) -> None:
    """Put `globals_state` back; states of CUDA devices that aren't here are left aside."""
    import numpy as np
    import torch

    version, words, gauss = state["python"]
    random.setstate((version, tuple(int(word) for word in words), gauss))
    np.random.set_state(state["numpy"])  # noqa: NPY002  libraries draw from it
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"][: torch.cuda.device_count()])


def _digest(seed: int, name: str, key: Iterable[object]) -> bytes:
    text = json.dumps([int(seed), name, [_plain(part) for part in key]])
    return hashlib.sha256(text.encode()).digest()


def _plain(part: object) -> object:
    """A key's part as JSON has it; numpy's integers become Python's."""
    if part is None or isinstance(part, str | bool | int | float):
        return part
    if isinstance(part, tuple | list):
        return [_plain(inner) for inner in part]
    if hasattr(part, "__index__"):
        return int(part.__index__())
    raise TypeError(f"a generator's key is made of strings and numbers, not {type(part).__name__}")

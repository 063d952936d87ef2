"""What the jobs of a sweep share in one process: the state of the code, hashes, loaded models.

A model is handed out as a copy, so that a job that prunes its own spoils no other's. One is kept
only if that makes no difference: on the CPU, no larger than a bound, and if loading it drew no
random numbers, which a copy would not draw.
"""

from __future__ import annotations

import copy
import json
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.store import patch as code
from iterun.store import sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterun.launch.sweep import Sweep
    from iterun.types import Placement

LARGEST = 256 << 20  #: bytes of a model that is kept
MOST = 512 << 20  #: bytes of all of them


class Kept:
    """What one sweep's jobs share.

    Args:
        folder: the sweep's.
        largest: bytes of a model that is kept; 0: none is.
        most: bytes of all that are kept; the one that was asked for longest ago goes first.
    """

    def __init__(self, folder: Path, *, largest: int = LARGEST, most: int = MOST) -> None:
        self._folder = folder
        self._largest, self._most = largest, most
        self._code: tuple[dict[str, Any] | None, str | None] | None = None
        self._fingerprints: dict[str, str | None] = {}
        self._models: dict[str, tuple[Any, int]] = {}

    def state(self) -> tuple[dict[str, Any] | None, str | None]:
        """The state of the user's repository when the sweep began."""
        if self._code is None:
            self._code = sweeps.read(self._folder).git, code.read(self._folder)
        return self._code

    def fingerprint(
        self, node: Mapping[str, Any], make: Callable[[Mapping[str, Any]], str | None]
    ) -> str | None:
        """The hash of a model's or a text's content, computed once from its settings."""
        key = _text(node)
        if key not in self._fingerprints:
            self._fingerprints[key] = make({k: v for k, v in node.items() if k != "_target_"})
        return self._fingerprints[key]

    def model(
        self, node: Mapping[str, Any], form: type, place: Placement, make: Callable[[], Any]
    ) -> Any:
        """The model of a node in a form: made, or a copy of the one that was made before."""
        key = _text([node, self._fingerprints.get(_text(node)), f"{form}", f"{place}"])
        if key in self._models:
            found, size = self._models.pop(key)
            self._models[key] = found, size  # the newest one now
            return copy.deepcopy(found)
        before = _drawn()
        made = make()
        size = _size(made)
        if place.device == "cpu" and 0 < size <= self._largest and _drawn() == before:
            self._keep(key, made, size)
        return made

    def _keep(self, key: str, made: Any, size: int) -> None:
        try:
            copied = copy.deepcopy(made)
        except (TypeError, RuntimeError):  # it holds what can't be copied: made anew each time
            return
        while self._models and size + sum(of for _, of in self._models.values()) > self._most:
            self._models.pop(next(iter(self._models)))
        self._models[key] = copied, size


_last: list[tuple[str, Kept]] = []


def of(sweep: Sweep) -> Kept:
    """What this process keeps for a sweep; what it kept for another one is let go."""
    if not _last or _last[0][0] != sweep.folder:
        _last[:] = [(sweep.folder, Kept(Path(sweep.folder)))]
    return _last[0][1]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _size(made: Any) -> int:
    """Bytes of a module's tensors; 0: it has none in memory."""
    torch = sys.modules.get("torch")
    module = getattr(made, "module", made)
    if torch is None or not isinstance(module, torch.nn.Module):
        return 0
    tensors = [*module.parameters(), *module.buffers()]
    return sum({it.data_ptr(): it.nbytes for it in tensors}.values())


def _drawn() -> tuple[Any, ...]:
    """The states of the global generators, to be compared."""
    found: list[Any] = [random.getstate()]
    if (numpy := sys.modules.get("numpy")) is not None:
        name, keys, *rest = numpy.random.get_state()
        found += [name, keys.tobytes(), *rest]
    if (torch := sys.modules.get("torch")) is not None:
        found.append(torch.get_rng_state().numpy().tobytes())
    return tuple(found)

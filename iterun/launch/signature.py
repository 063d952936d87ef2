"""What decides a run's numbers, but its seed: as one short hash.

Runs of one signature are seeds of one setting. Folders and files enter by content, not by path, so
that the same model in another place is the same model.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.targets import locate_builder
from iterun.launch.builders import FILE, built, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.launch.kept import Kept
    from iterun.types import Placement

LENGTH = 16  # hex digits
#: settings that say where something is or how it is called; the fingerprint stands for them
_WHERE = frozenset({
    "name", "kinds", "id", "revision", "folder", "path", "gguf_file", "package", "asset",
    "dev", "test",
})  # fmt: skip
_NO_NUMBERS = frozenset({"about", "objective"})
#: what a run may do otherwise and still be the same setting
_NO_PART = frozenset({"sandbox"})


def signature(config: Mapping[str, Any], place: Placement, kept: Kept | None = None) -> str:
    """The hash of task, model, data and the like, and dtype; 16 hex digits.

    Args:
        config: resolved.
        place: as resolved.
        kept: knows the hashes of models and texts that jobs before this one had.

    Raises:
        ConfigError: a model or a file isn't there.
    """
    task = {key: _by_content(v) for key, v in config["task"].items() if key not in _NO_NUMBERS}
    parts = {"task": task, "dtype": place.dtype}
    for role, node in built(config).items():
        if role not in _NO_PART:
            parts[role] = _part(role, node, kept)
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def of_fork(own: str, parent: str, iteration: int) -> str:
    """The signature of a run that branched off: its numbers have a past.

    Forks of several seeds of one setting, at one iteration, with the same changes have the same.

    Args:
        own: of the changed settings by themselves.
        parent: the parent's signature, which holds that one's own past.
        iteration: where it branched off.
    """
    text = json.dumps({"own": own, "parent": parent, "iteration": iteration}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def _part(role: str, node: Mapping[str, Any], kept: Kept | None) -> dict[str, Any]:
    settings = settings_of(node, role)
    locate_builder(node["_target_"], role)
    module = sys.modules[node["_target_"].rpartition(".")[0]]
    fingerprint = getattr(module, "fingerprint", None)
    found = None
    if fingerprint is not None:
        found = kept.fingerprint(node, fingerprint) if kept else fingerprint(settings)
    if found is None:
        return {"_target_": node["_target_"]} | settings
    left_out = _WHERE | getattr(module, "NO_NUMBERS", frozenset())  # settings that decide no number
    rest = {key: value for key, value in settings.items() if key not in left_out}
    return {"_target_": node["_target_"], "fingerprint": found} | rest


def _by_content(value: Any) -> Any:
    """`file:PATH` as the hash of that file, if it is there; anything else as it is."""
    if isinstance(value, str) and value.startswith(FILE):
        path = Path(value.removeprefix(FILE)).expanduser()
        if path.is_file():
            with path.open("rb") as file:
                return FILE + hashlib.file_digest(file, "sha256").hexdigest()
    return value

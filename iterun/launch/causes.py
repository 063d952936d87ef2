"""What is not as it was when a run was recorded, and may change its numbers; likeliest first."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from iterun import __version__
from iterun.launch import recorded
from iterun.launch.git import Look
from iterun.launch.record import ENVIRONMENT, cpu, device_name, python, versions
from iterun.store import patch as code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterun.store.reader import RunView
    from iterun.store.schema import RunRecord
    from iterun.types import Placement

_NONE = "none"


class Cause(NamedTuple):
    """Something that has changed since a run was recorded."""

    what: str  #: torch, threads, device, ...
    was: str
    now: str


def causes(view: RunView, config: Mapping[str, Any], place: Placement) -> list[Cause]:
    """Everything recorded that is otherwise here and now.

    Args:
        view: the run.
        config: its config.
        place: where it is computed again.

    Raises:
        ConfigError: its model or a file isn't there.
    """
    was = view.record
    found: list[Cause] = []
    if not recorded.is_content_the_same(config, place, was):
        found.append(Cause("model or text", f"signature {was.signature}", "another one"))
    found += [Cause(*cause) for cause in _pairs(was, place) if cause[1] != cause[2]]
    return found + list(_code(view)) + list(_machine(was))


def _pairs(was: RunRecord, place: Placement) -> Iterator[tuple[str, str, str]]:
    now = versions()
    for name, version in was.packages.items():
        yield name, version, now.get(name, _NONE)
    yield "threads", str(was.threads), str(place.threads)
    yield "device", was.device, place.device
    if "device_name" in was.resolved:
        yield "GPU", str(was.resolved["device_name"]), device_name(place) or _NONE
    yield "dtype", was.dtype, place.dtype
    yield "python", was.python or python(), python()
    yield "iterun", was.version or __version__, __version__


def _code(view: RunView) -> Iterator[Cause]:
    """The user's repository: its commit, and what is not committed."""
    git = view.record.git or {}
    with Look(Path.cwd()) as look:
        now, patch = look.state()
    before, after = str(git.get("commit") or _NONE), str((now or {}).get("commit") or _NONE)
    if before != after:
        yield Cause("git commit", before[:12], after[:12])
    elif (code.read(view.directory) or "") != (patch or ""):
        yield Cause("uncommitted changes", "as in code.patch", "others")


def _machine(was: RunRecord) -> Iterator[Cause]:
    if was.cpu and was.cpu != cpu():
        yield Cause("CPU", was.cpu, cpu())
    for name in ENVIRONMENT:
        before, after = was.environment.get(name, _NONE), os.environ.get(name, _NONE)
        if before != after and not name.startswith("SLURM"):
            yield Cause(name, before, after)
    if was.host and was.host != socket.gethostname():
        yield Cause("host", was.host, socket.gethostname())

"""A run's own record, to compute with again: its settings, its place, its class, its content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.compose import instantiate
from iterun.core.fork import Branch
from iterun.core.procedure import Procedure
from iterun.errors import ConfigError, StoreError
from iterun.launch import device
from iterun.launch.check import parameters
from iterun.launch.record import versions
from iterun.launch.signature import of_fork, signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.store.schema import RunRecord
    from iterun.types import Placement


def whole(config: Mapping[str, Any], was: RunRecord) -> dict[str, Any]:
    """The recorded config, with all that a run needs in it.

    Raises:
        StoreError: it was damaged.
    """
    for node in ("task", "stop", "checkpoint", "backend"):
        if not isinstance(config.get(node), dict):
            raise StoreError(
                f"config.json of {was.id} has no {node}", hint="it was damaged; run it anew"
            )
    if "_target_" not in config["task"]:
        raise StoreError(
            f"config.json of {was.id} does not say which class its task is",
            hint="it was damaged; run it anew",
        )
    return dict(config)


def procedure(config: Mapping[str, Any]) -> Procedure:
    """The procedure of a config that was checked when it was recorded."""
    return instantiate(config["task"]["_target_"], parameters(config["task"]), Procedure)


def place(backend: Mapping[str, Any], was: RunRecord, then: str) -> Placement:
    """Where the run computed before: the device, dtype and threads that its numbers depend on.

    Args:
        backend: the node of its config.
        was: its record.
        then: what to do where its device isn't, as a hint.

    Raises:
        ConfigError: its GPU isn't here.
    """
    try:
        return device.place(as_before(backend, was))
    except ConfigError as error:
        raise ConfigError(
            f"{was.id} computed on {was.device}, which can't be used here: {error.message}",
            hint=then,
        ) from error


def as_before(backend: Mapping[str, Any], was: RunRecord) -> dict[str, Any]:
    """The node `backend` with what `auto` and null became."""
    known = {key: value for key, value in backend.items() if key in device.KEYS}
    return {**known, "device": was.device, "dtype": was.dtype, "threads": was.threads}


def is_content_the_same(config: Mapping[str, Any], place: Placement, was: RunRecord) -> bool:
    """Whether model and text are what they were when the run began."""
    branch, found = Branch.of(was), signature(config, place)
    if branch is not None:
        found = of_fork(found, branch.signature, branch.iteration)
    return found == was.signature


def other_versions(was: RunRecord) -> str:
    """Packages whose version has changed since: "torch 2.13.0 -> 2.14.1, ..."; empty if none."""
    now = versions()
    return ", ".join(
        f"{name} {version} -> {now.get(name, 'gone')}"
        for name, version in was.packages.items()
        if now.get(name) != version
    )


def config_dir(was: RunRecord) -> str | None:
    """The folder with groups of the user's own that the run was begun with, if it is there."""
    for n, word in enumerate(was.command):
        name, equals, value = word.partition("=")
        if name in ("--config-dir", "-cd"):
            found = value if equals else "".join(was.command[n + 1 : n + 2])
            path = Path(found).expanduser()
            return str(path.absolute()) if found and path.is_dir() else None
    return None

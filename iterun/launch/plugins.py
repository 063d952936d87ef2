"""Launchers and sweepers of ours, offered to Hydra.

Hydra takes plug-ins only from the package `hydra_plugins`, and imports all of that at every start.
Ours are imported when they are chosen: `_target_: hydra_plugins.iterun.MODULE.Class` in a file of
`conf/hydra/launcher/` or `conf/hydra/sweeper/` stands for `iterun.launch.MODULE.Class`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from iterun.errors import UnavailableError

if TYPE_CHECKING:
    from omegaconf import DictConfig

OURS = "hydra_plugins.iterun."
_KINDS = ("launcher", "sweeper")


def offer(config: DictConfig) -> None:
    """Import and register the launcher and the sweeper that the config names, if they are ours.

    Raises:
        UnavailableError: a package that it needs isn't installed.
    """
    from hydra.core.plugins import Plugins

    known: dict[str, Any] = Plugins.instance().class_name_to_class
    for kind in _KINDS:
        target = str((config.hydra.get(kind) or {}).get("_target_"))
        if target.startswith(OURS) and target not in known:
            known[target] = _class(target, kind, str(config.hydra.runtime.choices[f"hydra/{kind}"]))


def _class(target: str, kind: str, name: str) -> Any:
    module, _, cls = f"iterun.launch.{target.removeprefix(OURS)}".rpartition(".")
    try:
        return getattr(import_module(module), cls)
    except ModuleNotFoundError as error:
        if str(error.name).startswith("iterun"):
            raise
        raise UnavailableError(
            f"hydra/{kind}={name} needs the package {error.name}",
            hint=f'pip install "iterun[{name.partition("_")[0]}]"',
        ) from error

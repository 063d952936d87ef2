"""Our config sources: what Hydra is given for choices that are no files of their own.

`chosen` is asked before the folders of files, `hub` behind them.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from iterun.config import chosen, hub

if TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.object_type import ObjectType

PROVIDER = "iterun"


class NodeSource(ConfigSource):
    """Answers for the choices that `node` knows."""

    @staticmethod
    @abstractmethod
    def node(group: str, name: str) -> dict[str, Any] | None:
        """The settings of `group=name`; None if others are to answer for it."""

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        return self.node(*_parts(config_path)) is not None

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        return ConfigResult(
            provider=self.provider,
            path=f"{self.scheme()}://{config_path}",
            config=OmegaConf.create(self.node(*_parts(config_path)) or {}),
            header={"package": None},
        )


class ChosenSource(NodeSource):
    """For files that have `first_of`, before the folder that holds them."""

    @staticmethod
    def scheme() -> str:
        return "iterun-chosen"

    @staticmethod
    def node(group: str, name: str) -> dict[str, Any] | None:
        return chosen.node(group, name.removesuffix(".yaml"))


class DirectSource(NodeSource):
    """For names of models and texts that are no file of `conf/`."""

    @staticmethod
    def scheme() -> str:
        return "iterun-direct"

    @staticmethod
    def node(group: str, name: str) -> dict[str, Any] | None:
        return hub.NODES[group](name) if group in hub.NODES and name else None


class SearchPath(SearchPathPlugin):
    """Puts our sources before and behind the folders."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.prepend(provider=ChosenSource.scheme(), path=f"{ChosenSource.scheme()}://")
        search_path.append(provider=PROVIDER, path=f"{DirectSource.scheme()}://")


def register() -> None:
    """Tell Hydra of our sources; again has no effect."""
    plugins = Plugins.instance()
    for plugin in (ChosenSource, DirectSource, SearchPath):
        if f"{plugin.__module__}.{plugin.__name__}" not in plugins.class_name_to_class:
            plugins.register(plugin)


def _parts(config_path: str) -> tuple[str, str]:
    group, _, name = config_path.partition("/")
    return group, name

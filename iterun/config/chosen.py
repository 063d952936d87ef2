"""Choices that stand for the first of several that is here: model=local_chat.

A file whose `first_of` lists other choices of its group is none itself: Hydra is given the first
of those that is at hand, so that the run's name, record and signature are that one's. A choice is
at hand if the module of its `_target_` has no function `at_hand(settings)`, or that says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from iterun.config.locate import conf_dir
from iterun.config.menu import read_choice
from iterun.config.targets import locate_builder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.core.object_type import ObjectType

SCHEME = "iterun-chosen"


def chosen(group: str, name: str) -> str | None:
    """The choice that `name` stands for here; None if it stands for itself."""
    is_file = name and (conf_dir() / group / f"{name}.yaml").is_file()
    if not is_file or not (listed := read_choice(group, name).get("first_of")):
        return None
    here = (one for one in listed if _is_at_hand(read_choice(group, one), group))
    return str(next(here, listed[-1]))


def _is_at_hand(node: Mapping[str, Any], role: str) -> bool:
    locate_builder(node["_target_"], role)
    module = sys.modules[node["_target_"].rpartition(".")[0]]
    judge = getattr(module, "at_hand", None)
    return judge is None or bool(judge({k: v for k, v in node.items() if k != "_target_"}))


class ChosenSource(ConfigSource):
    """Answers for files that have `first_of`, before the folder that holds them."""

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        return chosen(*_parts(config_path)) is not None

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        group, name = _parts(config_path)
        node = read_choice(group, chosen(group, name) or name)
        return ConfigResult(
            provider=self.provider,
            path=f"{SCHEME}://{config_path}",
            config=OmegaConf.create(node),
            header={"package": None},
        )


class ChosenSearchPath(SearchPathPlugin):
    """Puts `ChosenSource` before the folders."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        search_path.prepend(provider="iterun-chosen", path=f"{SCHEME}://")


def _parts(config_path: str) -> tuple[str, str]:
    group, _, name = config_path.partition("/")
    return group, name.removesuffix(".yaml")

"""Choices that stand for the first of several that is here: model=local_chat.

A file whose `first_of` lists other choices of its group is none itself: Hydra is given the first
of those that is at hand, so that the run's name, record and signature are that one's. A choice is
at hand if the module of its `_target_` has no function `at_hand(settings)`, or that says so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from iterun.config.locate import conf_dir
from iterun.config.menu import read_choice
from iterun.config.targets import locate_builder

if TYPE_CHECKING:
    from collections.abc import Mapping


def chosen(group: str, name: str) -> str | None:
    """The choice that `name` stands for here; None if it stands for itself."""
    is_file = name and (conf_dir() / group / f"{name}.yaml").is_file()
    if not is_file or not (listed := read_choice(group, name).get("first_of")):
        return None
    here = (one for one in listed if _is_at_hand(read_choice(group, one), group))
    return str(next(here, listed[-1]))


def node(group: str, name: str) -> dict[str, Any] | None:
    """The settings of the choice that `name` stands for; None if it stands for itself."""
    found = chosen(group, name)
    return None if found is None else read_choice(group, found)


def _is_at_hand(node: Mapping[str, Any], role: str) -> bool:
    locate_builder(node["_target_"], role)
    module = sys.modules[node["_target_"].rpartition(".")[0]]
    judge = getattr(module, "at_hand", None)
    return judge is None or bool(judge({k: v for k, v in node.items() if k != "_target_"}))

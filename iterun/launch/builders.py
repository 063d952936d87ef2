"""What makes the models and data sets of a run: one builder a role, from the config's nodes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.config.targets import locate_builder
from iterun.trackers import places

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterun.launch.kept import Kept
    from iterun.types import Placement


#: settings of models and texts that may name a file or a folder
_PATHS = frozenset({"path", "folder", "gguf_file", "dev", "test"})
#: roles of data sets, whose nodes say of what `kind` they are
_DATA = frozenset({"data", "eval_data"})
FILE = "file:"  # a task's parameter that names a file


def with_absolute_paths(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with every file that is there named in full, so that a resume finds it again."""
    found = dict(config)
    for role, node in built(config).items():
        found[role] = {key: _absolute(v) if key in _PATHS else v for key, v in node.items()}
    found["task"] = {
        key: FILE + _absolute(value.removeprefix(FILE)) if _names_file(value) else value
        for key, value in config["task"].items()
    }
    if mirrors := config.get("logger"):
        found["logger"] = {name: _placed(node) for name, node in mirrors.items()}
    return found


def builders(
    config: Mapping[str, Any], place: Placement, kept: Kept | None = None
) -> dict[str, Callable[..., Any]]:
    """By role: what makes a model of a form, and what makes a data set.

    Args:
        config: resolved.
        place: where models go.
        kept: has the models that jobs before this one loaded.

    Raises:
        ConfigError: a `_target_` that may not or can't be called.
    """
    return {role: _builder(role, node, place, kept) for role, node in built(config).items()}


def built(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The nodes that name a builder, by role: model, data, eval_data, judge, ..."""
    return {
        role: node
        for role, node in config.items()
        if role != "task" and isinstance(node, dict) and "_target_" in node
    }


def settings_of(node: Mapping[str, Any], role: str) -> dict[str, Any]:
    """What a builder is called with."""
    said_of_it = {"_target_", "kind"} if role in _DATA else {"_target_", "small"}
    return {key: value for key, value in node.items() if key not in said_of_it}


def is_model(node: Mapping[str, Any]) -> bool:
    """Whether the node builds a model: it says what it serves as, or its builder is of ours."""
    return "kinds" in node or str(node["_target_"]).startswith("iterun.models.")


def _placed(mirror: Mapping[str, Any]) -> dict[str, Any]:
    """A mirror's node with its folder named in full; the folder need not be there yet."""
    place = mirror.get("place")
    return {**mirror, "place": places.absolute(place) if place else place}


def _names_file(value: object) -> bool:
    return isinstance(value, str) and value.startswith(FILE)


def _absolute(value: Any) -> Any:
    """A path that is there, from the root; anything else as it is."""
    if not isinstance(value, str) or not value:
        return value
    path = Path(value).expanduser()
    return str(path.absolute()) if path.exists() else value


def _builder(
    role: str, node: Mapping[str, Any], place: Placement, kept: Kept | None
) -> Callable[..., Any]:
    target = locate_builder(node["_target_"], role)
    settings = settings_of(node, role)
    if not is_model(node):
        return partial(target, **settings)

    def model(form: type) -> Any:
        def make() -> Any:
            return target(form, place, **settings)

        return kept.model(node, form, place, make) if kept is not None else make()

    return model

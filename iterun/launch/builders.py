"""What makes the models and data sets of a run: one builder a role, from the config's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.config.targets import locate_builder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterun.types import Placement


def builders(config: Mapping[str, Any], place: Placement) -> dict[str, Callable[..., Any]]:
    """By role: what makes a model of a form, and what makes a data set.

    Raises:
        ConfigError: a `_target_` that may not or can't be called.
    """
    return {role: _builder(role, node, place) for role, node in built(config).items()}


def built(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The nodes that name a builder, by role: model, data, eval_data, judge, ..."""
    return {
        role: node
        for role, node in config.items()
        if role != "task" and isinstance(node, dict) and "_target_" in node
    }


def settings_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a builder is called with."""
    return {key: value for key, value in node.items() if key != "_target_"}


def is_model(node: Mapping[str, Any]) -> bool:
    """Whether the node builds a model: it says what it serves as, or its builder is of ours."""
    return "kinds" in node or str(node["_target_"]).startswith("iterun.models.")


def _builder(role: str, node: Mapping[str, Any], place: Placement) -> Callable[..., Any]:
    target = locate_builder(node["_target_"], role)
    settings = settings_of(node)
    if not is_model(node):
        return lambda: target(**settings)

    def model(form: type) -> Any:
        return target(form, place, **settings)

    return model

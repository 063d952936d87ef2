"""Parameters that a run's state was made with, and that a fork of it may not change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def settled(task: object, names: Iterable[str]) -> dict[str, Any]:
    """These parameters of a procedure by name, for its state."""
    return {name: getattr(task, name) for name in names}


def refuse_changes(task: object, was: Mapping[str, Any]) -> None:
    """Compare a procedure with what `settled` gave when the state was made.

    Raises:
        ConfigError: a parameter has another value.
    """
    for name, before in was.items():
        if (now := getattr(task, name)) != before:
            raise ConfigError(
                f"task.{name}={shown(now)}: the state is of task.{name}={shown(before)}",
                hint=f"leave task.{name} as it was, or begin a new run",
            )

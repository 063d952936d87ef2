"""What a run's state was made with, and a fork of it may not change: parameters and data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def settled(task: object, names: Iterable[str]) -> dict[str, Any]:
    """These parameters of a procedure by name, for its state."""
    return {name: getattr(task, name) for name in names}


def refuse_other_data(data: Any, was: str, of: str) -> None:
    """Compare a data set with the one that a state was made with.

    Args:
        data: has a name and a fingerprint.
        was: the other one's fingerprint.
        of: what the state is of if they differ: "other pictures".

    Raises:
        ConfigError: they differ.
    """
    if data.fingerprint != was:
        raise ConfigError(
            f"data={data.name}: the state is of {of}",
            hint="leave data= as it was, or begin a new run",
        )


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

"""Models, data and judges that a run was handed: built once, their states in checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Handed:
    """Builds by role and keeps what it built.

    What has `state()` and `restore(state)` (a chat model's counters and cache) is saved with every
    checkpoint, so that a procedure need not; what is first asked for after a resume gets its state
    when it is built.

    Args:
        builders: by role; those of models take the form.
    """

    def __init__(self, builders: Mapping[str, Callable[..., Any]]) -> None:
        self._builders = builders
        self._built: dict[str, Any] = {}
        self._waiting: dict[str, Any] = {}

    def model(self, form: type[Any], role: str) -> Any:
        """The model of a role in a form.

        Raises:
            ConfigError: no model has this role.
        """
        typed = "model" if role == "model" else f"model@{role}"
        return self._built_as(f"{role}:{form.__name__}", self._builder(role, typed), form)

    def data(self, role: str) -> Any:
        """The data set of a role; "eval_data" is `data` where no other is named.

        Raises:
            ConfigError: no data set has this role.
        """
        if role == "eval_data" and role not in self._builders:
            role = "data"
        typed = "data" if role == "data" else f"data@{role}"
        return self._built_as(role, self._builder(role, typed))

    def has(self, role: str) -> bool:
        """Whether the run names something for this role."""
        return role in self._builders

    def other(self, role: str, *arguments: Any) -> Any:
        """What another role's builder makes of the arguments; built once for each of them."""
        key = ":".join([role, *map(repr, arguments)])
        return self._built_as(key, self._builder(role, role), *arguments)

    def close(self) -> None:
        """Let go what holds connections or memory; nothing is asked for any more."""
        for thing in self._built.values():
            if callable(close := getattr(thing, "close", None)):
                close()

    def state(self) -> dict[str, Any]:
        """The states of all that has one."""
        kept = {key: thing.state() for key, thing in self._built.items() if _has_state(thing)}
        return self._waiting | kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the states back: now what is built, later what is not."""
        self._waiting = dict(state)
        for key, thing in self._built.items():
            self._put_back(key, thing)

    def _builder(self, role: str, typed: str) -> Callable[..., Any]:
        if role not in self._builders:
            raise ConfigError(
                f"this system asks for {typed}=..., and the run has none",
                hint=f"name one on the command line, as in {typed}=NAME",
            )
        return self._builders[role]

    def _built_as(self, key: str, builder: Callable[..., Any], *arguments: Any) -> Any:
        if key not in self._built:
            thing = self._built[key] = builder(*arguments)
            self._put_back(key, thing)
        return self._built[key]

    def _put_back(self, key: str, thing: Any) -> None:
        if key in self._waiting and _has_state(thing):
            thing.restore(self._waiting.pop(key))


def _has_state(thing: Any) -> bool:
    return callable(getattr(thing, "state", None)) and callable(getattr(thing, "restore", None))

"""What the user can mend: one sentence of what happened, and a hint that can be typed.

Everything that is not an `IterunError` is a bug and keeps its traceback. The command line prints
`message` and `hint` and leaves with `exit_status` (DESIGN: 1 failed, 2 bad input, 3 diverged).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any


class IterunError(Exception):
    """An error with a next step.

    Args:
        message: what happened, with the offending setting spelled as on the command line.
        hint: what to type or do next; empty if there is nothing to say.
    """

    exit_status = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(IterunError):
    """A setting that cannot be used, found before heavy work."""

    exit_status = 2


class ConfigErrors(ConfigError):  # noqa: N818  the plural says what it is
    """Several faults of one config, shown together."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__("\n".join(error.message for error in errors))
        self.errors = tuple(errors)


class UnavailableError(ConfigError):
    """A model, data set or package that cannot be had here; the hint names what works offline."""


class StoreError(IterunError):
    """A run directory that is missing, ambiguous or cannot be read."""

    exit_status = 2


class DiskError(IterunError):
    """The run directory cannot be written: disk full, read-only."""


class DivergedError(IterunError):
    """Raised by a procedure whose numbers can't be used any more; the last checkpoint stands."""

    exit_status = 3


class ServerError(IterunError):
    """A model server that failed too often; the last checkpoint stands, and a resume goes on."""

    exit_status = 3


def nearest(name: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """The names of `known` most like `name`, best first; at most `n`, possibly none."""
    return get_close_matches(name, list(known), n=n, cutoff=0.5)


def unknown_key(node: str, key: object, known: Sequence[str], what: str) -> ConfigError:
    """The error for `node.key`, which is none of the known keys.

    Args:
        node: as on the command line: "stop".
        key: what was typed.
        known: the keys that there are.
        what: what a key of this node is: "setting".
    """
    near = nearest(str(key), known)
    hint = f"did you mean {node}.{near[0]}?" if near else f"there are {', '.join(known)}"
    return ConfigError(f"{node}.{key} is no {what}", hint=hint)


def shown(value: Any) -> str:
    """A value as it is typed on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return "[" + ",".join(shown(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{name}:{shown(item)}" for name, item in value.items()) + "}"
    return str(value)


def misset(name: str, value: object, what: str, hint: str, *, node: str = "task") -> ConfigError:
    """The error for a parameter that can't be used: "task.NAME=VALUE WHAT".

    Args:
        name: of the parameter.
        value: its value.
        what: ends the sentence: "is no number above 0".
        hint: what to type instead.
        node: whose parameter it is.
    """
    return ConfigError(f"{node}.{name}={shown(value)} {what}", hint=hint)


def outside(name: str, value: object, allowed: str, example: object) -> ConfigError:
    """The error for a procedure's parameter outside what it may be: "... is not ALLOWED"."""
    return misset(name, value, f"is not {allowed}", f"as in task.{name}={shown(example)}")


def too_small(
    params: Mapping[str, Any], least: Mapping[str, float], *, node: str = "task"
) -> Iterator[ConfigError]:
    """The errors for parameters below what they must be at least; None passes.

    Args:
        params: by name.
        least: by name.
        node: whose parameters they are.
    """
    for name, bound in least.items():
        value = params[name]
        if value is not None and not value >= bound:
            yield misset(
                name, value, "is too small", f"at least {node}.{name}={shown(bound)}", node=node
            )


def raise_all(errors: Iterable[ConfigError]) -> None:
    """Raise nothing, the one error, or all of them as one `ConfigErrors`."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigErrors(found)

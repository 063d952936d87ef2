"""What the user can mend: one sentence of what happened, and a hint that can be typed.

Everything that is not an `IterunError` is a bug and keeps its traceback. The command line prints
`message` and `hint` and leaves with `exit_status` (DESIGN: 1 failed, 2 bad input, 3 diverged).
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


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


def raise_all(errors: Iterable[ConfigError]) -> None:
    """Raise nothing, the one error, or all of them as one `ConfigErrors`."""
    found = list(errors)
    if len(found) == 1:
        raise found[0]
    if found:
        raise ConfigErrors(found)

"""The sentences for what a line has wrong, and the hints that can be typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.config import hub
from iterun.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.errors import OverrideParseException

_WORDS = {"task": "system", "data": "data set"}
_MORE = {
    "task": "`iterun tasks` says what each is",
    "model": "{key}=OWNER/NAME takes it from the hub, {key}=./FOLDER from a folder",
    "data": "{key}=./FILE.txt reads a text file",
}
_SHOWN = 8  # names listed where none is near


def unreadable(text: str, error: OverrideParseException) -> ConfigError:
    """A word that Hydra's grammar can't read."""
    if "=" not in text:
        return ConfigError(
            f"{text!r} is neither a command nor a setting",
            hint="settings are key=value, as in seed=1; `iterun --help` lists the commands",
        )
    return ConfigError(
        f"{text} can't be read: {first_line(error)}",
        hint="lists are [a,b]; what is more than a word is quoted, as in 'key=\"a (b)\"'",
    )


def several_values(typed: str) -> ConfigError:
    """A list of values on a line that is one run."""
    key, _, value = typed.partition("=")
    return ConfigError(
        f"{typed} gives several values",
        hint=f"add -m to run each: iterun -m {typed}; a list is '{key}=[{value}]'",
    )


def no_such_choice(key: str, group: str, value: Any, known: Sequence[str]) -> ConfigError:
    """A choice that a group doesn't have.

    Args:
        key: as typed before `=`: "data@eval_data".
        group: whose files they are: "data".
        value: as typed.
        known: the names there are.
    """
    if value is None:
        return ConfigError(
            f"{key}=null: a choice can't be null",
            hint=f"leave {key}= away; what a file has chosen is taken back by ~{key}",
        )
    text = str(value)
    more = _MORE.get(group, "").format(key=key)
    if group in hub.NODES and hub.is_path(text):
        what = "folder" if group == "model" else "file"
        return ConfigError(f"{key}={text}: there is no such {what}", hint=f"check the path; {more}")
    near = [f"{key}={name}" for name in nearest(text, known)]
    hint = did_you_mean(near, [f"{key}={name}" for name in known], more)
    word = _WORDS.get(group, group)
    if not text:
        return ConfigError(f"{key}= names no {word}", hint=hint)
    return ConfigError(f"{key}={text}: there is no such {word}", hint=hint)


def no_such_key(typed: str, parent: str, known: Sequence[str], owner: str = "") -> ConfigError:
    """A key that the config doesn't have.

    Args:
        typed: the whole setting, "task.sparsty=0.6".
        parent: the part of it that exists; "" at the top level.
        known: what stands below `parent`.
        owner: whose keys these are: "prune/perp".
    """
    key = typed.partition("=")[0].lstrip("+~")
    name = key.removeprefix(f"{parent}.") if parent else key
    full = [f"{parent}.{other}" if parent else other for other in known if other[:1] != "_"]
    near = nearest(key, full) if not parent else [f"{parent}.{it}" for it in nearest(name, known)]
    what = f"{owner} has no setting {name}" if owner else "there is no such key"
    return ConfigError(f"{typed}: {what}", hint=did_you_mean(near, full))


def no_keys_below(typed: str, parent: str, *, is_null: bool) -> ConfigError:
    """A key below what is null or a value."""
    group = "data@eval_data" if parent == "eval_data" else parent
    hint = f"choose one first: {group}=..." if is_null else f"{parent} is a value: {parent}=..."
    return ConfigError(f"{typed}: {parent} has no keys of its own here", hint=hint)


def there_already(typed: str, key: str) -> ConfigError:
    """`+key=` of a key that is there."""
    return ConfigError(f"{typed}: {key} is there already", hint=f"type {typed[1:]}")


def not_so(typed: str, key: str, error: Exception) -> ConfigError:
    """A value that the config refuses."""
    return ConfigError(
        f"{typed}: {first_line(error)}", hint=f"`iterun ... --cfg job` shows what {key} is"
    )


def in_one_sentence(error: Exception) -> ConfigError:
    """Hydra's own message without its search path."""
    message = str(error).strip() or str(error.__cause__ or type(error).__name__)
    lines = [line.strip() for line in message.partition("Config search path:")[0].splitlines()]
    return ConfigError(
        "this config can't be composed: " + " ".join(line for line in lines if line),
        hint="`iterun ... --info defaults-tree` shows which file asks for what",
    )


def did_you_mean(near: Sequence[str], known: Sequence[str], more: str = "") -> str:
    """The nearest names, else some of those there are; and what else may be typed."""
    if near:
        return f"did you mean {' or '.join(near)}? {more}".strip()
    rest = f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else ""
    listed = f"there are {', '.join(known[:_SHOWN])}{rest}" if known else "there is none"
    return f"{listed}; {more}" if more else listed


def first_line(error: Exception) -> str:
    """The first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

"""A run's settings, given in Python, as the words of a line."""

from __future__ import annotations

import re
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: keys beside the task's own
TOP = frozenset({
    "model", "data", "judge", "schedule", "backend", "stop", "checkpoint", "logger", "sandbox",
    "seed", "on_existing", "tags", "experiment", "debug",
})  # fmt: skip
_ELSEWHERE = {"eval_data": "data@eval_data"}  #: groups that are laid down under another key
_BARE = re.compile(r"[A-Za-z_./][\w./@:+-]*")  #: what Hydra takes without quotes
_OTHERWISE = re.compile(r"(?i)null|true|false|nan|inf(inity)?")  #: and takes for something else
_IN_DICT = re.compile(r"[A-Za-z_]\w*")


def line(task: str, values: Mapping[str, Any]) -> list[str]:
    """The words behind `iterun`.

    Args:
        task: as `task=` takes it: "prune/perp".
        values: parameters of the task by their bare names, keys at the top level by theirs,
            anything else by its dotted name: "stop.iterations".

    Raises:
        ConfigError: a value that no setting can have.
    """
    return [f"task={task}", *(word for key, x in values.items() for word in _words(key, x))]


def _words(key: str, value: Any) -> Iterator[str]:
    if key in _ELSEWHERE:
        yield f"{_ELSEWHERE[key]}={spelled(key, value)}"
    elif key in TOP and isinstance(value, dict):  # stop={"iterations": 3}
        for name, item in value.items():
            yield f"{key}.{name}={spelled(key, item)}"
    elif key in TOP or any(sign in key for sign in ".@/+~"):
        yield f"{key}={spelled(key, value)}"
    else:
        yield f"task.{key}={spelled(key, value)}"


def spelled(key: str, value: Any) -> str:
    """A value as Hydra reads it back."""
    if hasattr(value, "tolist") and not isinstance(value, type):  # of numpy or torch
        value = value.tolist()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(spelled(key, item) for item in value)}]"
    if isinstance(value, dict) and all(_IN_DICT.fullmatch(str(name)) for name in value):
        items = (f"{name}:{spelled(key, item)}" for name, item in value.items())
        return f"{{{','.join(items)}}}"
    raise ConfigError(
        f"{key}={value!r}: a setting can't be of type {type(value).__name__}",
        hint="settings are numbers, texts, true, false, null, and lists and dicts of them",
    )


def _text(text: str) -> str:
    """Bare where Hydra takes it for itself, else in quotes."""
    if _BARE.fullmatch(text) and not _OTHERWISE.fullmatch(text):
        return text
    escaped = re.sub(r"(\\+)(?='|$)", r"\1\1", text).replace("'", "\\'")
    return f"'{escaped}'"

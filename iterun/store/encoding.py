"""The JSON that run directories are written in.

JSON has no NaN: it is written as the string "NaN", infinities as "Infinity" and "-Infinity", and
read back as floats. A text that reads like one of them gets quotes of its own, so that what is read
is what was written.
"""

import json
from math import inf, isfinite
from os import PathLike, fspath
from typing import Any

_DEEPEST = 200  # levels; settings and states have a dozen
NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _plain(value: Any) -> Any:
    """JSON's form of numpy and torch scalars, arrays and paths."""
    if isinstance(value, PathLike):
        return fspath(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__} can't be written as JSON")


_JSON = {"allow_nan": False, "separators": (",", ":"), "default": _plain}
_encode = json.JSONEncoder(ensure_ascii=False, **_JSON).encode  # type: ignore[arg-type]  # a mixed dict
_encode_ascii = json.JSONEncoder(**_JSON).encode  # type: ignore[arg-type]  # a mixed dict


def as_float(x: float) -> float:
    """A number as a float; a whole one beyond all floats, which JSON may hold, is infinite."""
    try:
        return float(x)
    except OverflowError:
        return inf if x > 0 else -inf


def encode(value: Any) -> bytes:
    """JSON in UTF-8 on one line, without spaces; tuples become lists, keys strings.

    Raises:
        TypeError: the value holds something that JSON has no form for.
    """
    try:
        text = _encode(value)
    except ValueError:  # not a finite number somewhere
        text = _encode(_outgoing(value))
    else:
        if "NaN" in text or "Infinity" in text:
            text = _encode(_outgoing(value))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, as a cut token leaves it
        return _encode_ascii(_outgoing(value)).encode()


def decode(raw: bytes) -> Any:
    """What `encode` was given.

    Raises:
        ValueError: not JSON, not UTF-8, or nested too deeply.
    """
    try:
        value = json.loads(raw.decode())
        if b"NaN" in raw or b"Infinity" in raw:
            value = _incoming(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if raw.count(b"[") + raw.count(b"{") > _DEEPEST and _is_deep(value):
        raise ValueError("nested too deeply")
    return value


def _is_deep(value: Any) -> bool:
    """Whether lists and dicts lie in each other deeper than those who look at them can follow."""
    level = [value] if isinstance(value, list | dict) else []
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, list | dict)
        ]
        if not level:
            return False
    return True


def _outgoing(value: Any) -> Any:
    if isinstance(value, str):
        return f'"{value}"' if value.strip('"') in NUMBERS else value
    if isinstance(value, float):
        if isfinite(value):
            return value
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _outgoing(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_outgoing(item) for item in value]
    if value is None or isinstance(value, int):
        return value
    return _outgoing(_plain(value))


def _incoming(value: Any) -> Any:
    if isinstance(value, str):
        if value in NUMBERS:
            return NUMBERS[value]
        quoted = value.startswith('"') and value.strip('"') in NUMBERS
        return value[1:-1] if quoted else value
    if isinstance(value, dict):
        return {key: _incoming(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_incoming(item) for item in value]
    return value

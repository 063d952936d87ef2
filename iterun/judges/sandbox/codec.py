"""Plain values as text between a program and its judge: nothing of the program's own comes along.

Only exact built-in types pass (a subclass could lie when it is compared): None, bool, int, float,
complex, str, bytes, list, tuple, set, frozenset and dict, nested at most 50 deep; Counter,
defaultdict and OrderedDict count as dict. The text is JSON with a tag in front of all that JSON
doesn't have. This module is loaded inside the sandbox too, where nothing else of iterun is.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict, defaultdict

TYPE_CHECKING = False  # not typing's: it takes longer to import than all the rest
if TYPE_CHECKING:
    from typing import Any

DEEPEST = 50
SMALL = 1 << 53  # integers below are JSON numbers
TAGS: dict[type, str] = {list: "l", tuple: "t", set: "s", frozenset: "z"}
DICTS = (dict, Counter, OrderedDict, defaultdict)


class NotPlainError(Exception):
    """A value that has no plain form, or text that is none."""


def encode(value: object) -> str:
    """A value as text; equal values of equal types have equal texts, sets in any order too.

    Raises:
        NotPlainError: it holds an object of another type, is nested too deep, or holds itself.
    """
    return json.dumps(_tagged(value, 0), separators=(",", ":"))


def decode(text: str | bytes) -> Any:
    """The value of a text, made of fresh built-in objects.

    Raises:
        NotPlainError: it isn't what `encode` writes.
    """
    try:
        return _untagged(json.loads(text), 0)
    except (ValueError, TypeError, LookupError, RecursionError, OverflowError) as error:
        raise NotPlainError(f"no plain value: {error}") from None


def _tagged(value: object, depth: int) -> Any:
    kind = type(value)
    if depth > DEEPEST:
        raise NotPlainError(f"nested more than {DEEPEST} deep")
    if value is None or kind is bool or kind is str:
        return value
    if kind in DICTS:
        assert isinstance(value, dict)
        pairs = dict.items(value)
        return ["d", *([_tagged(k, depth + 1), _tagged(v, depth + 1)] for k, v in pairs)]
    return _number(value) if kind in (int, float, complex, bytes) else _sequence(value, depth)


def _number(value: Any) -> Any:
    if type(value) is int:
        return value if -SMALL < value < SMALL else ["i", hex(value)]
    if type(value) is float:
        return ["f", value.hex()]
    if type(value) is complex:
        return ["c", value.real.hex(), value.imag.hex()]
    return ["b", value.hex()]


def _sequence(value: Any, depth: int) -> list[Any]:
    tag = TAGS.get(type(value))
    if tag is None:
        raise NotPlainError(f"{type(value).__name__} has no plain form")
    items = [_tagged(item, depth + 1) for item in value]
    return [tag, *(sorted(items, key=json.dumps) if tag in "sz" else items)]


def _untagged(form: Any, depth: int) -> Any:
    if depth > DEEPEST:
        raise ValueError("nested too deep")
    if form is None or type(form) in (bool, str, int):
        return form
    if type(form) is not list:
        raise TypeError(f"{type(form).__name__} without a tag")
    tag, *items = form
    if tag in ("i", "f", "c", "b"):
        return _scalar(tag, items)
    if tag == "d":
        return {_untagged(k, depth + 1): _untagged(v, depth + 1) for k, v in items}
    make = {"l": list, "t": tuple, "s": set, "z": frozenset}[tag]
    return make(_untagged(item, depth + 1) for item in items)


def _scalar(tag: str, items: list[str]) -> Any:
    if tag == "c":
        real, imag = items
        return complex(float.fromhex(real), float.fromhex(imag))
    (text,) = items
    if tag == "i":
        return int(text, 16)
    return float.fromhex(text) if tag == "f" else bytes.fromhex(text)

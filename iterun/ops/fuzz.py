"""Values made from values: inputs like those of an example, and wrong answers like a right one.

Type-aware mutation as in EvalPlus (arXiv 2305.01210): a value keeps its type, a tuple its length.
Values are those of Python literals: numbers, strings, None, lists, tuples, sets, dicts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

LARGE = 20  #: so many times as long


def varied(value: Any, rng: Random) -> Any:
    """A value like this one: one of its parts changed, dropped, doubled or moved."""
    if isinstance(value, bool):
        return rng.random() < 0.5
    if isinstance(value, int):
        return rng.choice((value + 1, value - 1, value * 2, value + rng.randint(-5, 5)))
    if isinstance(value, float):
        return rng.choice((value + 0.5, value - 0.5, value * 2.0, -value))
    if isinstance(value, str):
        return "".join(_varied_parts(list(value), rng, _letter))
    if isinstance(value, tuple):
        return _varied_place(value, rng)
    if isinstance(value, list | set | frozenset):
        return type(value)(_varied_parts(list(value), rng, varied))
    if isinstance(value, dict):
        return dict(_varied_parts(list(value.items()), rng, _other_item))
    return value


def emptied(value: Any, rng: Random) -> Any:
    """An extreme value of its type: nothing, zero, one part, less than zero."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return type(value)(rng.choice((0, 1, -1)))
    if isinstance(value, str | list):
        return value[: rng.choice((0, 0, 1))]
    if isinstance(value, tuple):
        return tuple(emptied(part, rng) for part in value)
    if isinstance(value, set | frozenset | dict):
        return type(value)()
    return value


def enlarged(value: Any, rng: Random) -> Any:
    """A value of the same type that is `LARGE` times as large."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value * rng.randint(2, LARGE)
    if isinstance(value, str | list):
        parts = [varied(value, rng) for _ in range(LARGE)]
        return "".join(parts) if isinstance(value, str) else [x for part in parts for x in part]
    if isinstance(value, tuple):
        return tuple(enlarged(part, rng) for part in value)
    if isinstance(value, dict):
        return {k: v for _ in range(LARGE) for k, v in varied(value, rng).items()} | value
    return value


def wrong(value: Any, rng: Random) -> Any:
    """An answer that differs from this one, of its type where that has another one.

    Two values that Python holds to be equal don't differ: 1 and 1.0, True and 1.
    """
    for _ in range(20):
        other = varied(value, rng)
        if other != value:
            return other
    return 0 if value is None else None  # the type has no other: an empty tuple, a set of nothing


def _varied_place(parts: tuple[Any, ...], rng: Random) -> tuple[Any, ...]:
    """A tuple's length is part of its type."""
    if not parts:
        return parts
    i = rng.randrange(len(parts))
    return (*parts[:i], varied(parts[i], rng), *parts[i + 1 :])


def _varied_parts(parts: list[Any], rng: Random, change: Any) -> list[Any]:
    if not parts:
        return parts
    i, j = rng.randrange(len(parts)), rng.randrange(len(parts))
    way = rng.randrange(4)
    if way == 0:
        return parts[:i] + parts[i + 1 :]
    if way == 1:
        return [*parts[:i], parts[j], *parts[i:]]
    if way == 2:
        parts[i], parts[j] = parts[j], parts[i]
        return parts
    return [*parts[:i], change(parts[i], rng), *parts[i + 1 :]]


def _other_item(pair: tuple[Any, Any], rng: Random) -> tuple[Any, Any]:
    return pair[0], varied(pair[1], rng)


def _letter(old: str, rng: Random) -> str:
    """Another character of the same sort."""
    for alike in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        if old in alike:
            return rng.choice(alike)
    return old

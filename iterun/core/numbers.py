"""Metrics as plain Python numbers, whatever a procedure computed them with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_PLAIN = {float, int}


def plain(name: str, value: Any) -> float | int:
    """One metric as an int or a float; tensors and arrays of one element, too.

    Raises:
        TypeError: it is no number; a word belongs in `run.label`, a missing value is left out.
    """
    kind = type(value)
    if kind is float or kind is int:
        return value  # type: ignore[no-any-return]  # just seen to be one
    if kind is bool:
        return int(value)
    item = getattr(value, "item", None)
    number = item() if callable(item) else value
    if isinstance(number, bool | int):
        return int(number)
    if isinstance(number, float):
        return float(number)
    raise TypeError(f"metric {name!r} is {kind.__name__}, not a number: {value!r:.80}")


def plain_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """All of them, in the order given."""
    if _PLAIN.issuperset(map(type, metrics.values())):
        return dict(metrics)
    return {name: plain(name, value) for name, value in metrics.items()}


def plain_result(result: Mapping[str, Any]) -> dict[str, Any]:
    """A procedure's `result`: numbers as `plain` has them, texts, and lists and dicts of both."""
    return {str(name): _plain_any(str(name), value) for name, value in result.items()}


def not_finite(metrics: Mapping[str, float], allowed: frozenset[str]) -> str | None:
    """The first metric that is NaN or infinite and may not be."""
    try:
        if math.isfinite(sum(metrics.values())):  # then all are: the usual case, quickly
            return None
    except OverflowError:  # a whole number beyond all floats
        pass
    for name, value in metrics.items():
        if not is_finite(value) and name not in allowed:
            return name
    return None


def is_finite(value: float) -> bool:
    """Neither NaN nor infinite; a whole number beyond all floats is finite, too."""
    return type(value) is int or math.isfinite(value)


def is_whole(value: object) -> bool:
    """Whether a setting is a whole number; 1e3 is one."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def as_whole(value: Any) -> Any:
    """A setting as an int if it is a whole number, else as it was."""
    return int(value) if is_whole(value) else value


def _plain_any(name: str, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain_any(f"{name}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_any(name, inner) for inner in value]
    return plain(name, value)

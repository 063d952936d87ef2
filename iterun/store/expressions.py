"""Names of a row as SQL expressions, so that sqlite reads 10,000 bodies and Python only a few."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

from iterun.store.rows import ALIASES, PLACES

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = {
    "id": "id", "system": "system", "family": "family", "state": "state", "created": "stamp",
    "seed": "seed", "model": "model", "data": "data", "path": "path",
}  # fmt: skip
_IN_BODY = {
    "seconds": "$.seconds", "iterations": "$.iterations", "signature": "$.signature",
    "reason": "$.reason", "error": "$.error", "host": "$.host", "attempt": "$.attempt",
    "tags": "$.tags[0]", "note": "$.note", "sweep": "$.sweep.id",
    "best": "$.best.value",
}  # fmt: skip
_TOLERANCE = (
    2e-9  # relative: what is equal by `filters`, and more: sqlite may read a last digit otherwise
)


def value(name: str) -> str:
    """The expression for what `Row.get(name)` gives; NULL for what it does not have."""
    name = ALIASES.get(name, name)
    if name in _COLUMNS:
        return _COLUMNS[name]
    if name in _IN_BODY:
        return f"json_extract(body, '{_IN_BODY[name]}')"
    if any(c in name for c in "\"'\\\0"):
        return "NULL"
    place, _, rest = name.partition(".")
    found = [(PLACES[place], rest)] if rest and place in PLACES else []
    found += [(key, name) for key in PLACES.values()]
    parts = (f"json_extract(body, '$.{key}.\"{part}\"')" for key, part in found)
    return f"coalesce({', '.join(parts)})"


def compared(name: str, op: str, numbers: Sequence[float | None]) -> str | None:
    """A condition that lets through at least the rows whose number compares; None: none is simple.

    Texts pass too, since infinities are written as such.
    """
    if op == "!=" or not all(number is not None and isfinite(number) for number in numbers):
        return None
    found = value(name)
    parts = [_compared(found, op, number) for number in numbers if number is not None]
    return f"(typeof({found}) = 'text' OR {' OR '.join(parts)})"


def _compared(found: str, op: str, number: float) -> str:
    low, high = (number + sign * abs(number) * _TOLERANCE for sign in (-1, 1))
    if op == "=":
        return f"{found} BETWEEN {low!r} AND {high!r}"
    return f"{found} >= {low!r}" if op in (">", ">=") else f"{found} <= {high!r}"

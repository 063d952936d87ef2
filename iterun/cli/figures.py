"""Numbers as people read them, in front of a terminal: texts among them are cleaned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.analysis import numbers
from iterun.analysis.numbers import age, count, duration, size
from iterun.cli.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["age", "column", "count", "duration", "setting", "size", "value"]


def value(x: Any) -> str:
    """As `numbers.value`."""
    return clean(numbers.value(x))


def setting(x: Any) -> str:
    """As `numbers.setting`."""
    return clean(numbers.setting(x))


def column(values: Sequence[Any]) -> list[str]:
    """As `numbers.column`."""
    return [clean(cell) for cell in numbers.column(values)]

"""Numbers as people read them: values, durations, ages, sizes."""

from __future__ import annotations

from math import floor, isfinite, log10
from typing import TYPE_CHECKING, Any

from iterun.store.encoding import as_float

if TYPE_CHECKING:
    from collections.abc import Sequence

_DIGITS = 4  #: significant digits of a value in a table
_MOST_DECIMALS = 6


def value(x: Any) -> str:
    """A metric or parameter: 4 significant digits for a float, everything else as it is typed."""
    if isinstance(x, bool):
        return "true" if x else "false"
    if x is None:
        return "null"
    if isinstance(x, float):
        return _float(x)
    if isinstance(x, list | tuple):
        return "[" + ",".join(value(item) for item in x) + "]"
    if isinstance(x, dict):
        return "{" + ", ".join(f"{key}: {value(item)}" for key, item in x.items()) + "}"
    return str(x)


def setting(x: Any) -> str:
    """A parameter's value as it would be typed: all its digits, blanks in quotes."""
    if isinstance(x, str) and (x != x.strip() or not x or not x.isprintable()):
        return repr(x)
    if isinstance(x, float) and isfinite(x):
        return repr(int(x)) if x.is_integer() and abs(x) < 1e6 else repr(x)
    if isinstance(x, list | tuple):
        return "[" + ",".join(setting(item) for item in x) + "]"
    return value(x)


def _float(x: float) -> str:
    if x != x:
        return "NaN"
    if not isfinite(x):
        return "Infinity" if x > 0 else "-Infinity"
    if x.is_integer() and abs(x) < 1e6:
        return str(int(x))
    if 1e4 <= abs(x) < 1e7:
        return f"{x:.0f}"
    return f"{x:.{_DIGITS}g}"


def column(values: Sequence[Any]) -> list[str]:
    """The values of one column with equally many decimals, so that they can be compared at sight.

    So many that three values in four show 4 significant digits; zeros at the end of all of them
    go. Where a column spans too many magnitudes, each value is written by itself. None: empty.
    """
    numbers = sorted(abs(x) for x in values if isinstance(x, float) and isfinite(x) and x)
    if not numbers or all(x.is_integer() for x in numbers):
        return ["" if x is None else value(x) for x in values]
    decimals = min(max(_DIGITS - 1 - floor(log10(numbers[len(numbers) // 4])), 0), _MOST_DECIMALS)
    if numbers[-1] >= 1e7 or numbers[0] < 10.0 ** (1 - decimals):
        return ["" if x is None else value(x) for x in values]
    cells = [_fixed(x, decimals) for x in values]
    while decimals and all(
        not _is_number(x) or c[-1] == "0" for x, c in zip(values, cells, strict=True)
    ):
        decimals -= 1
        cells = [_fixed(x, decimals) for x in values]
    return cells


def _fixed(x: Any, decimals: int) -> str:
    if x is None:
        return ""
    return f"{x:.{decimals}f}" if _is_number(x) else value(x)


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and isfinite(as_float(x))


def duration(seconds: float) -> str:
    """A span of time: "0.04 s", "12.3 s", "2m05s", "1h02m", "3d04h"."""
    if not isfinite(seconds):
        return "?"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def age(seconds: float) -> str:
    """How long ago, roughly: "8s", "3m", "5h", "12d", "2y"."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 2 * 86400:
        return f"{whole // 3600}h"
    days = whole // 86400
    return f"{days}d" if days < 365 else f"{days // 365}y"


def size(n: float) -> str:
    """Bytes in powers of 1000: "812 B", "1.2 MB", "53 GB"."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(n) < 999.5 or unit == "TB":
            break
        n /= 1000
    return f"{n:.1f} {unit}" if n < 9.95 and unit != "B" else f"{n:.0f} {unit}"


def count(n: int, noun: str) -> str:
    """How many of what: "1 run", "1,204 runs"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"

"""The numbers of a run by bare names: its newest ones, or those of one iteration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from iterun.store.columns import SECONDS, read_columns
from iterun.store.encoding import as_float
from iterun.store.rows import MISSING, PLACES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iterun.store.rows import Row

_COLUMNS = (SECONDS, "iterations", "best")


class Source(Protocol):
    """Says what numbers a run has under some names; None: none."""

    def __call__(self, row: Row, names: Sequence[str]) -> list[float | None]: ...


def newest(row: Row, names: Sequence[str]) -> list[float | None]:
    """The last value of a metric, else of a result, a cost, a column or a parameter, each."""
    known = {**row.parameters, **row.costs, **row.result, **row.last}
    return [x if type(x := known.get(name)) is float else _other(row, known, name)
            for name in names]  # fmt: skip


def _other(row: Row, known: Mapping[str, Any], name: str) -> float | None:
    """As `newest`, of what isn't simply a float."""
    if name in known and name not in _COLUMNS:
        return number(known[name])
    place, _, rest = name.partition(".")
    if rest and place in PLACES and rest in (values := getattr(row, PLACES[place])):
        return number(values[rest])
    return number(row.get(name))


def has(row: Row, name: str) -> bool:
    """Whether a run knows a name at all, in whatever iteration."""
    return row.get(name) is not MISSING


class AtIteration:
    """What the runs recorded in one iteration; what is not in its line is missing.

    `seconds` is the time up to and with it.

    Args:
        i: the iteration; None: only those in `own`, the newest values of the others.
        own: the iterations of single runs, by their directories.
    """

    def __init__(self, i: int | None, own: Mapping[Path, int]) -> None:
        self._i = i
        self._own = own

    def __call__(self, row: Row, names: Sequence[str]) -> list[float | None]:
        i = self._own.get(row.path, self._i)
        if i is None:
            return newest(row, names)
        columns = read_columns(row.path, [name for name in names if name != SECONDS])
        if i not in columns.i:
            return [None] * len(names)
        k = columns.i.index(i)
        found = {name: values[k] for name, values in columns.values.items()}
        found[SECONDS] = sum(columns.seconds[: k + 1])
        return [found[name] for name in names]


def number(x: Any) -> float | None:
    """A value as a float; None if it is no number."""
    return as_float(x) if isinstance(x, int | float) else None

"""Some numbers of all iterations of a run, read fast: a list a name instead of an object a line."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.schema import Iteration

SECONDS = "seconds"
_PLACES = ("metrics", "cost")


@dataclass
class Columns:
    """Numbers of a run, one for each line."""

    i: list[int]
    seconds: list[float]
    values: dict[str, list[float | None]]  #: None where a line doesn't have the name


def read_columns(directory: Path, names: Sequence[str]) -> Columns:
    """Metrics, else costs, by their bare names; `seconds`; or as `metrics.lr` and `cost.lr`.

    Raises:
        StoreError: iterations.jsonl can't be read.
    """
    lines = RunView(directory).iterations()
    values = {name: _column(lines, name) for name in names}
    return Columns([line.i for line in lines], [line.seconds for line in lines], values)


def _column(lines: Sequence[Iteration], name: str) -> list[float | None]:
    found = [_first(line, _PLACES, name) for line in lines]
    if any(x is not None for x in found):
        return found
    if name == SECONDS:
        return [line.seconds for line in lines]
    place, _, key = name.partition(".")
    return [_first(line, (place,), key) for line in lines] if place in _PLACES else found


def _first(line: Iteration, places: Sequence[str], key: str) -> float | None:
    for place in places:
        found = getattr(line, place).get(key)
        if found is not None:
            return _float(found)
    return None


def _float(x: float) -> float:
    """Also of a whole number that no float holds."""
    try:
        return float(x)
    except OverflowError:
        return inf if x > 0 else -inf

"""Some numbers of all iterations of a run, read fast: a list a name instead of an object a line.

The lines that `lines.IterationFormat` writes have one form, which a regular expression takes apart
five times faster than JSON is parsed. A file with any other line in it (a torn one, a name with
braces, characters that are escaped) is read as JSON, and so is a name that JSON writes otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.store.encoding import NUMBERS, as_float, encode
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.schema import Iteration

SECONDS = "seconds"
_PLACES = ("metrics", "cost")
_LARGEST = 256 << 20  #: bytes of a file that is taken apart in memory
_NUMBER = rb"-?[0-9][0-9.eE+-]*"
_PLAIN = re.compile(r'[^",\\\x00-\x1f\x7f\ud800-\udfff]+')  #: a name that stands as it is
_NOT_FINITE = {encode(x): x for x in NUMBERS.values()}
_LINE = re.compile(
    rb'^\{"i":([0-9]{1,18}),"time":%s,"seconds":(%s)(?:,"metrics":\{([^{}\n]*)\})?'
    rb'(?:,"cost":\{([^{}\n]*)\})?(?:,"labels":\{[^{}\n]*\})?(?:,"files":\[[^\[\]\n]*\])?\}\n'
    % (_NUMBER, _NUMBER),
    re.MULTILINE,
)


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
    view = RunView(directory)
    plain = all(_PLAIN.fullmatch(name) and name not in NUMBERS for name in names)
    found = _taken_apart(view, names) if plain else None
    return found or _parsed(view.iterations(), names)


def _taken_apart(view: RunView, names: Sequence[str]) -> Columns | None:
    """By the form of our own lines; None if a line has another one."""
    with view.open_iterations() as file:
        raw = file.read(_LARGEST)
    if rb"\u" in raw:  # a name may be spelt in two ways
        return None
    found = _LINE.findall(raw)
    if len(found) != raw.count(b"\n") or raw[-1:] != b"\n" * bool(raw):
        return None
    try:
        values = {name: _cut_out(found, name) for name in names}
        return Columns([int(x[0]) for x in found], [float(x[1]) for x in found], values)
    except ValueError:
        return None


def _cut_out(found: Sequence[tuple[bytes, ...]], name: str) -> list[float | None]:
    """One name out of the parts of all lines."""
    column = _search(found, name, (2, 3))
    if any(x is not None for x in column):
        return column
    if name == SECONDS:
        return [float(x[1]) for x in found]
    place, _, key = name.partition(".")
    return _search(found, key, (2 + _PLACES.index(place),)) if place in _PLACES else column


def _search(
    found: Sequence[tuple[bytes, ...]], name: str, parts: Sequence[int]
) -> list[float | None]:
    # A key stands in front or behind a comma; the name holds none, nor quotes.
    search = re.compile(rb'(?<![^,])"%s":([^,]*)' % re.escape(name.encode())).search
    column: list[float | None] = [None] * len(found)
    for part in reversed(parts):
        for k, line in enumerate(found):
            if hit := search(line[part]):
                column[k] = _number(hit[1])
    return column


def _number(raw: bytes) -> float:
    """A number, or NaN and the infinities as we write them; ValueError: something else."""
    try:
        return float(raw)
    except ValueError:
        if raw in _NOT_FINITE:
            return _NOT_FINITE[raw]
        raise


def _parsed(lines: Sequence[Iteration], names: Sequence[str]) -> Columns:
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
            return as_float(found)
    return None

"""JSON lines: iterations written fast, and files of lines read."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from iterun.errors import StoreError
from iterun.store.schema import Iteration, decode, encode

LONGEST_LINE = 64 << 20  #: bytes; a longer one is not ours
_PLAIN = {float, int}


class IterationFormat:
    """Makes the line of an iteration.

    The names of the metrics hardly change from one iteration to the next: the line of a first one
    becomes a template for the numbers of the next. repr of a float is exact, and 3 times faster
    here than json.
    """

    def __init__(self) -> None:
        self._templates: dict[tuple[str | None, ...], str] = {}

    def line(
        self,
        i: int,
        *,
        seconds: float,
        metrics: Mapping[str, float],
        cost: Mapping[str, float],
        labels: Mapping[str, str],
        files: Sequence[str],
    ) -> bytes:
        """The line with its line feed; the time is taken here, in milliseconds."""
        now = time.time()
        if not (labels or files):
            values = (i, now, seconds, *metrics.values(), *cost.values())
            if _PLAIN.issuperset(map(type, values)) and _all_finite(values):
                names = (*metrics, None, *cost)
                template = self._templates.get(names) or self._template(metrics, cost)
                return (template % values).encode()
        record = Iteration(
            i=i, time=round(now, 3), seconds=seconds, metrics=dict(metrics), cost=dict(cost),
            labels=dict(labels), files=list(files),
        )  # fmt: skip
        return encode(record.to_json()) + b"\n"

    def _template(self, metrics: Mapping[str, float], cost: Mapping[str, float]) -> str:
        text = '{"i":%r,"time":%.3f,"seconds":%r'
        for key, numbers in (("metrics", metrics), ("cost", cost)):
            if numbers:
                slots = (json.dumps(name).replace("%", "%%") + ":%r" for name in numbers)
                text += f',"{key}":{{{",".join(slots)}}}'
        text += "}\n"
        self._templates[(*metrics, None, *cost)] = text
        return text


def _all_finite(values: Sequence[float]) -> bool:
    """Whether the sum is finite, hence all are; a sum that overflows only costs the fast way."""
    try:
        return isfinite(sum(values))
    except OverflowError:
        return False


@dataclass(repr=False, eq=False)
class Line:
    """A line that could be read."""

    number: int  #: counted from 1
    start: int  #: offset of its first byte
    end: int  #: offset after its line feed
    value: Any


def read_lines(file: BinaryIO, path: Path) -> Iterator[Line]:
    """The lines of a file that a crash may have left with a torn end.

    A bad line with nothing readable after it is that torn end and is passed over in silence.

    Raises:
        StoreError: a bad line has readable ones after it, or is longer than any of ours.
    """
    bad: tuple[int, str] | None = None
    start = number = 0
    while raw := file.readline(LONGEST_LINE):
        number += 1
        end = start + len(raw)
        value, fault = _value(raw)
        if fault is None:
            if bad:
                raise bad_line(path, *bad)
            yield Line(number, start, end, value)
        elif len(raw) >= LONGEST_LINE:
            raise bad_line(path, number, "is longer than 64 MiB")
        else:
            bad = bad or (number, fault)
        start = end


def _value(raw: bytes) -> tuple[Any, str | None]:
    if not raw.endswith(b"\n"):
        return None, "has no end"
    try:
        return decode(raw), None
    except ValueError as error:
        return None, f"is not JSON ({error})"


def bad_line(path: Path, number: int, fault: str) -> StoreError:
    """The error for one line of a file."""
    import shlex

    return StoreError(
        f"{path}: line {number} {fault}",
        hint=f"take it out, as in `sed -i {number}d {shlex.quote(str(path))}`: the others stand",
    )

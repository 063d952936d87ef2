"""Where two courses of a run part: the first metric or label that isn't the same, bit for bit."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iterun.store.encoding import as_float

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterun.store.schema import Iteration


@dataclass(frozen=True)
class Difference:
    """One value of one iteration that two records don't agree on."""

    i: int
    name: str
    kind: Literal["metric", "label"]
    was: float | str | None  #: in the first record; None: it has none
    now: float | str | None  #: in the second

    @property
    def size(self) -> float | None:
        """How far apart two numbers are; None for words, missing values and NaN."""
        if isinstance(self.was, str | None) or isinstance(self.now, str | None):
            return None
        try:
            size = abs(float(self.now) - float(self.was))
        except OverflowError:  # a whole number beyond all floats
            return math.inf
        return None if math.isnan(size) else size

    @property
    def relative(self) -> float | None:
        """`size` as a share of the first value."""
        if self.size is None or not self.was or isinstance(self.was, str):
            return None
        share = self.size / abs(as_float(self.was))
        return None if math.isnan(share) else share


def same(a: float | None, b: float | None) -> bool:
    """Whether two numbers are the same, bit for bit; one NaN is as good as another."""
    if a is None or b is None:
        return a is b
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    try:
        a, b = float(a), float(b)
        return struct.pack("d", a) == struct.pack("d", b) or (a != a and b != b)
    except OverflowError:
        return False


def between(was: Iteration, now: Iteration) -> Iterator[Difference]:
    """Every difference of one iteration: metrics first, in the order of the first record."""
    for name in _names(was.metrics, now.metrics):
        a, b = was.metrics.get(name), now.metrics.get(name)
        if not same(a, b):
            yield Difference(was.i, name, "metric", a, b)
    for name in _names(was.labels, now.labels):
        word, other = was.labels.get(name), now.labels.get(name)
        if word != other:
            yield Difference(was.i, name, "label", word, other)


def first(was: Sequence[Iteration], now: Sequence[Iteration]) -> Difference | None:
    """The first difference in the iterations that both have; None: there is none."""
    second = {line.i: line for line in now}
    for line in was:
        if line.i in second:
            for difference in between(line, second[line.i]):
                return difference
    return None


def _names(a: Mapping[str, object], b: Mapping[str, object]) -> list[str]:
    return list(dict.fromkeys([*a, *b]))

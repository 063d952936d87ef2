"""A metric's history in bounded memory."""

from __future__ import annotations

from iterun.store.encoding import as_float

_MOST = 512  #: points kept; beyond it neighbours are averaged


class Series:
    """Values in order; a long series is kept at half the resolution, then at a quarter, …."""

    def __init__(self) -> None:
        self.points: list[float] = []
        self.last: float | None = None
        self._stride = 1  # values in a point
        self._sum = 0.0
        self._n = 0  # values in the point being made

    def add(self, value: float, *, drawn: bool = True) -> None:
        """The next value; a baseline, which may be far from the others, is not drawn."""
        self.last = value
        if not drawn:
            return
        self._sum += as_float(value)
        self._n += 1
        if self._n < self._stride:
            return
        self.points.append(self._sum / self._n)
        self._sum, self._n = 0.0, 0
        if len(self.points) >= _MOST:
            pairs = zip(self.points[::2], self.points[1::2], strict=True)
            self.points = [(a + b) / 2 for a, b in pairs]
            self._stride *= 2

"""Lines and bands as characters: eight braille dots a cell, or two levels a cell in ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iterun.cli.console import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_BRAILLE = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # (down, across)
_ASCII_LEVELS = np.array([[1], [2]])
_ASCII = " '.:"
_SHADE = ","  #: of a band in ASCII
#: the dot of each cell that shades a band, by the band's number: bands that overlap show both
_TEXTURE = ((0, 2), (1, 0), (0, 0), (1, 2), (0, 3), (1, 1), (0, 1), (1, 3))  # (across, down)


class Canvas:
    """A field of cells. Positions are shares of its width and height, from the lower left.

    Args:
        columns: cells across.
        rows: cells down.
        unicode: whether braille can be shown.
    """

    def __init__(self, columns: int, rows: int, *, unicode: bool = True) -> None:
        self.columns, self.rows, self.unicode = columns, rows, unicode
        self._weights = _BRAILLE if unicode else _ASCII_LEVELS
        down, across = self._weights.shape
        self._lines = np.zeros((rows * down, columns * across), bool)
        self._shade = np.zeros_like(self._lines)
        self._owner = np.full((rows, columns), -1)  # the line that a cell's colour is of
        self._marks: dict[tuple[int, int], tuple[str, int]] = {}

    def line(self, x: Floats, y: Floats, number: int) -> None:
        """Draw through the points; one that is not finite is a gap.

        Args:
            x: ascending or not, 0 to 1; (points,).
            y: likewise.
            number: of the line.
        """
        across, down, has = self._dots(x, y)
        joined = has[:-1] & has[1:]
        starts = np.flatnonzero(joined)
        length = np.maximum(
            np.abs(across[starts + 1] - across[starts]), np.abs(down[starts + 1] - down[starts])
        )
        steps = length + 1  # dots of a segment, both ends with it
        of = np.repeat(np.arange(len(starts)), steps)
        k = np.arange(len(of)) - np.repeat(np.cumsum(steps) - steps, steps)
        share = k / np.maximum(length[of], 1)
        first = starts[of]
        columns = np.rint(across[first] + share * (across[first + 1] - across[first]))
        rows = np.rint(down[first] + share * (down[first + 1] - down[first]))
        columns = np.concatenate([columns, across[has]]).astype(int)
        rows = np.concatenate([rows, down[has]]).astype(int)
        self._lines[rows, columns] = True
        height, width = self._weights.shape
        self._owner[rows // height, columns // width] = number

    def band(self, x: Floats, low: Floats, high: Floats, number: int) -> None:
        """Shade between two lines, where both are finite."""
        a, bottom, has_low = self._dots(x, low)
        _, top, has_high = self._dots(x, high)
        has = has_low & has_high
        for part in np.split(np.arange(len(x)), np.flatnonzero(np.diff(has.astype(int))) + 1):
            if len(part) == 0 or not has[part[0]]:
                continue
            columns = np.arange(a[part].min(), a[part].max() + 1)
            order = part[np.argsort(a[part], kind="stable")]
            upper = np.rint(np.interp(columns, a[order], top[order])).astype(int)
            lower = np.rint(np.interp(columns, a[order], bottom[order])).astype(int)
            rows = np.arange(self._lines.shape[0])[:, None]
            inside = (rows >= upper) & (rows <= lower) & self._texture(columns, rows, number)
            self._shade[:, columns] |= inside

    def _texture(self, columns: Ints, rows: Ints, number: int) -> NDArray[np.bool_]:
        height, width = self._weights.shape
        across, down = _TEXTURE[number % len(_TEXTURE)]
        found: NDArray[np.bool_] = (columns % width == across % width) & (
            rows % height == down % height
        )
        return found

    def mark(self, x: float, y: float, char: str, number: int) -> bool:
        """Put a character at a position, unless another one is there; whether it was put."""
        column = min(int(x * self.columns), self.columns - 1)
        row = min(int((1 - y) * self.rows), self.rows - 1)
        if (row, column) in self._marks or not (0 <= x <= 1 and 0 <= y <= 1):
            return False
        self._marks[row, column] = char, number
        return True

    def _dots(self, x: Floats, y: Floats) -> tuple[Ints, Ints, NDArray[np.bool_]]:
        """Dot column and row of each point, and whether it is on the canvas."""
        height, width = self._lines.shape
        has = np.isfinite(x) & np.isfinite(y) & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        across = np.where(has, x, 0) * (width - 1)
        down = (1 - np.where(has, y, 0)) * (height - 1)
        return np.rint(across).astype(np.int64), np.rint(down).astype(np.int64), has

    def lines(self, styles: Sequence[str]) -> list[list[Span]]:
        """The rows from the top, as spans in the styles of the lines, by number."""
        drawn, shade = self._bits(self._lines), self._bits(self._shade)
        table = []
        for row in range(self.rows):
            spans: list[Span] = []
            for column in range(self.columns):
                text, style = self._cell(row, column, int(drawn[row, column]), styles)
                if not text:
                    bits = int(shade[row, column])
                    text, style = self._char(bits, is_shade=True), "dim" if bits else ""
                if spans and spans[-1].style == style:
                    spans[-1] = Span(spans[-1].text + text, style)
                else:
                    spans.append(Span(text, style))
            table.append(spans)
        return table

    def _cell(self, row: int, column: int, bits: int, styles: Sequence[str]) -> tuple[str, str]:
        """A mark, or a piece of a line; empty if neither is there."""
        if (found := self._marks.get((row, column))) is not None:
            return found[0], styles[found[1] % len(styles)]
        if not bits:
            return "", ""
        return self._char(bits), styles[int(self._owner[row, column]) % len(styles)]

    def _char(self, bits: int, *, is_shade: bool = False) -> str:
        if not bits:
            return " "
        if self.unicode:
            return chr(0x2800 + bits)
        return _SHADE if is_shade else _ASCII[bits]

    def _bits(self, dots: NDArray[np.bool_]) -> Ints:
        """The dots of each cell as one number; (rows, columns)."""
        height, width = self._weights.shape
        cells = dots.reshape(self.rows, height, self.columns, width)
        found: Ints = np.einsum("rhcw,hw->rc", cells, self._weights)
        return found

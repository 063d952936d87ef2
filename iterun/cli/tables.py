"""Tables that fit the screen: columns are shortened or left out, a row is never broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.cli.console import Part, Screen, Span
from iterun.cli.text import clean, clip, pad, width

if TYPE_CHECKING:
    from collections.abc import Sequence

SOON = 1000  #: columns with a `drop` from here on are left out before any other is cut
_GAP = 2
_LONGEST = 1000  #: characters of a cell that are looked at
_WIDEST_VALUE = 32  #: of a grid, cells


@dataclass(kw_only=True)
class Column:
    """One column: its head, and a cell for each row."""

    head: str
    cells: Sequence[str]
    right: bool = False  #: numbers stand flush right
    least: int | None = None  #: may be cut down to so many cells; None: never cut
    drop: int = 0  #: what is left out first where the width does not do; 0: never
    styles: Sequence[str] | None = None  #: of each cell
    style: str = ""  #: of all cells

    def __post_init__(self) -> None:
        self.cells = [clean(cell[:_LONGEST]) for cell in self.cells]
        self.full = (
            max(width(self.head), *map(width, self.cells)) if self.cells else width(self.head)
        )
        self.width = self.full

    @property
    def smallest(self) -> int:
        """The fewest cells that it can be cut down to."""
        return self.full if self.least is None else min(self.full, self.least)


def fit(columns: Sequence[Column], cells: int) -> list[Column]:
    """The columns that fit into `cells`, with their widths set; the rest is left out."""
    kept = list(columns)
    while _total(kept, smallest=False) > cells and (soon := [c for c in kept if c.drop >= SOON]):
        kept.remove(max(soon, key=lambda c: c.drop))
    while _total(kept, smallest=True) > cells and (later := [c for c in kept if c.drop]):
        kept.remove(max(later, key=lambda c: c.drop))
    excess = _total(kept, smallest=False) - cells
    for column in kept:
        column.width = column.full
    while excess > 0:
        widest = max(kept, key=lambda c: c.width - c.smallest)
        if widest.width == widest.smallest:
            break
        widest.width -= 1
        excess -= 1
    return kept


def _total(columns: Sequence[Column], *, smallest: bool) -> int:
    widths = [column.smallest if smallest else column.full for column in columns]
    return sum(widths) + _GAP * (len(columns) - 1)


def table(
    screen: Screen, columns: Sequence[Column], *, indent: int = 0, heads: bool = True
) -> list[Column]:
    """Write a table and return the columns that had room."""
    kept = fit(columns, screen.width - indent)
    if heads:
        screen.line(*_row(kept, indent, screen, [(c.head, "dim") for c in kept]))
    for k in range(len(columns[0].cells) if columns else 0):
        screen.line(*_row(kept, indent, screen, [(c.cells[k], _style(c, k)) for c in kept]))
    return kept


def _style(column: Column, k: int) -> str:
    return column.styles[k] if column.styles is not None else column.style


def _row(
    columns: Sequence[Column], indent: int, screen: Screen, cells: list[tuple[str, str]]
) -> list[Part]:
    """One row as parts: blanks carry no style, and none trail."""
    parts: list[Part] = [" " * indent]
    room = screen.width - indent
    for n, (column, (cell, style)) in enumerate(zip(columns, cells, strict=True)):
        cells_left = min(column.width, max(room, 0))
        text = clip(cell, cells_left)
        room -= column.width + _GAP
        blanks = " " * (cells_left - width(text))
        is_last = n == len(columns) - 1
        if column.right:
            parts += [blanks, Span(text, style)]
        else:
            parts += [Span(text, style), "" if is_last else blanks]
        parts.append("" if is_last else " " * _GAP)
    return _stripped(parts)


def _stripped(parts: list[Part]) -> list[Part]:
    """Without blanks at the end of the line."""
    while parts:
        last = parts.pop()
        text, style = (last.text, last.style) if isinstance(last, Span) else (last, "")
        if text.rstrip():
            return [*parts, Span(text.rstrip(), style)]
    return parts


def facts(screen: Screen, pairs: Sequence[tuple[str, Part]], *, indent: int = 2) -> None:
    """Names and what they stand for, one pair a line, the second part cut at the width."""
    widest = max((width(clean(name)) for name, _ in pairs), default=0)
    room = max(10, screen.width - indent - widest - _GAP)
    for name, part in pairs:
        text, style = part if isinstance(part, Span) else (part, "")
        screen.line(
            " " * indent,
            Span(pad(clean(name), widest + _GAP), "dim"),
            Span(clip(clean(text), room), style),
        )


def grid(screen: Screen, pairs: Sequence[tuple[str, str, bool]], *, indent: int = 2) -> None:
    """Names and values in as many columns as fit, read downwards; True: marked with `*`."""
    cells = [(clean(name), clean(text), marked) for name, text, marked in pairs]
    if not cells:
        return
    names = max(width(name) for name, _, _ in cells)
    room = screen.width - indent
    values = min(max(width(text) for _, text, _ in cells), _WIDEST_VALUE, max(8, room - names - 4))
    across = max(1, (room + _GAP) // (names + values + 4 + _GAP))
    down = -(-len(cells) // across)
    for k in range(down):
        parts: list[Part] = [" " * indent]
        for name, text, marked in cells[k::down]:
            parts += [
                Span("* " if marked else "  ", "accent"),
                Span(pad(name, names), "dim"), "  ",
                Span(pad(clip(text, values), values), "bold" if marked else ""), " " * _GAP,
            ]  # fmt: skip
        screen.line(*_stripped(parts))

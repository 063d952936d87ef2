"""Rows as lines of a table that fits its room; only pages that are looked at are made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from iterun.cli.console import Span
from iterun.cli.tables import Column, fit
from iterun.cli.text import clean, clip, width
from iterun.cli.ui.fields import Field, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.cli.ui.paper import Line
    from iterun.cli.ui.runs import Sort
    from iterun.store.rows import Row

_PAGE = 64  #: rows whose cells are made together: numbers of a page have equally many decimals
_MEASURED = 400  #: rows that the columns' widths are taken from
_GAP = "  "
_ARROWS = ("↑", "↓")  #: ascending, descending

Cells = list[tuple[str, str]]  #: text and style, one for each column


class Listing:
    """A table of runs.

    Args:
        rows: all that can be scrolled to.
        sort: how they are sorted, which an arrow shows.
        now: the clock, for ages.
    """

    def __init__(self, rows: Sequence[Row], sort: Sort, now: Callable[[], float]) -> None:
        self.rows = rows
        self._fields = [_with_arrow(f, sort) for f in fields(rows, now)] if rows else []
        sample = rows[:: max(1, len(rows) // _MEASURED)]
        self._columns = [_column(field, sample) for field in self._fields]
        self._kept: list[int] = []
        self._room = 0
        self._pages: dict[int, list[Cells]] = {}

    def fit(self, room: int) -> None:
        """Choose the columns that fit into so many cells."""
        if room != self._room:
            self._room = room
            self._fit()

    def line(self, k: int) -> Line:
        """Row k, without its mark."""
        page = self._page(k // _PAGE)
        return self._line(page[k % _PAGE])

    def heads(self) -> Line:
        """The names of the columns."""
        heads = (field.head for field in self._fields)
        return self._line([(head, "head" if head[-1:] in _ARROWS else "dim") for head in heads])

    def key_at(self, cell: int) -> str:
        """What the column at a cell of the line sorts by; empty: by nothing."""
        at = 0
        for k in self._kept:
            at += self._columns[k].width + len(_GAP)
            if cell < at:
                return self._fields[k].key
        return ""

    def _page(self, n: int) -> list[Cells]:
        if n not in self._pages:
            rows = self.rows[n * _PAGE : (n + 1) * _PAGE]
            columns = [_column(field, rows) for field in self._fields]
            self._grow(columns)
            self._pages[n] = [
                [(c.cells[k], c.styles[k] if c.styles else c.style) for c in columns]
                for k in range(len(rows))
            ]
        return self._pages[n]

    def _grow(self, page: Sequence[Column]) -> None:
        """Give columns the room that cells of this page need."""
        wider = [(a, b) for a, b in zip(self._columns, page, strict=True) if b.full > a.full]
        for ours, new in wider:
            ours.full = new.full
        if wider:
            self._fit()

    def _fit(self) -> None:
        kept = {id(column) for column in fit(self._columns, self._room)}
        self._kept = [k for k, column in enumerate(self._columns) if id(column) in kept]

    def _line(self, cells: Cells) -> Line:
        spans = []
        for k in self._kept:
            column, (cell, style) = self._columns[k], cells[k]
            text = clip(cell, column.width)
            blanks = " " * (column.width - width(text))
            if column.right:
                spans += [Span(blanks), Span(text, style)]
            else:
                spans += [Span(text, style), Span(blanks)]
            spans.append(Span(_GAP))
        return _joined(spans)


def _joined(spans: Sequence[Span]) -> Line:
    """Fewer spans: each costs time to draw."""
    joined: Line = []
    for span in spans:
        if joined and joined[-1].style == span.style:
            joined[-1] = Span(joined[-1].text + span.text, span.style)
        elif span.text:
            joined.append(span)
    return joined


def _column(field: Field, rows: Sequence[Row]) -> Column:
    return Column(
        head=field.head, cells=field.cells(rows), right=field.right, least=field.least,
        drop=field.drop, styles=field.styles(rows) if field.styles else None, style=field.style,
    )  # fmt: skip


def _with_arrow(field: Field, sort: Sort) -> Field:
    """The field with its head cleaned, and marked if it sorts."""
    head = clean(field.head)
    is_sorted = bool(field.key) and _bare(field.key) == _bare(sort.key)
    return replace(field, head=f"{head}{_ARROWS[sort.descending]}" if is_sorted else head)


def _bare(key: str) -> str:
    """`metrics.ppl` and `ppl` are one key."""
    place, _, rest = key.partition(".")
    return rest if place in ("task", "metrics") and rest else key

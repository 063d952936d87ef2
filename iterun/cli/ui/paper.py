"""Lines that are kept instead of written, so that what commands print can be scrolled."""

from __future__ import annotations

import io

from iterun.cli.console import Part, Screen, Span
from iterun.cli.text import clean

Line = list[Span]


class Paper(Screen):
    """A screen whose lines stay in memory, cleaned.

    Args:
        width: cells of a line.
    """

    def __init__(self, width: int) -> None:
        super().__init__(io.StringIO())
        self.width = width
        self.color = False
        self.unicode = True
        self.lines: list[Line] = []

    def line(self, *parts: Part) -> None:
        """Keep one line."""
        self.lines.append(cleaned(*parts))

    def raw(self, text: str) -> None:
        """Keep each line of a text."""
        for line in text.splitlines():
            self.line(line)

    def remark(self, text: str) -> None:
        """Keep running text, dim and wrapped."""
        self.prose(text, style="dim")


def cleaned(*parts: Part) -> Line:
    """Parts without what a terminal acts on; empty ones are left out."""
    spans = (part if isinstance(part, Span) else Span(part) for part in parts)
    return [Span(clean(text), style) for text, style in spans if text]

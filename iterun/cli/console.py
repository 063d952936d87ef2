"""The one place that prints: lines of styled spans, cleaned, to a stream that may be a terminal.

Results go to `out()`, remarks and progress to `err()`. Whatever is handed over is text: styles are
given beside it, so that nothing recorded can be taken for markup. No rich here: it costs a third of
what `iterun ls` may take.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, TextIO

from iterun.cli.text import clean, wrap

_CODES = {
    "bold": "1", "dim": "2", "good": "32", "warn": "33", "bad": "31", "accent": "36", "live": "34",
    "head": "1;36", "alarm": "1;31", "violet": "35",
}  # fmt: skip
_PLAIN = str.maketrans("…·━─→▁▂▃▄▅▆▇█", "~-#->_.-=+*#@")
_WIDE = 200  #: cells of a line when nobody says how wide the reader's screen is
PROSE = 100  #: longest line of running text, cells


class Span(NamedTuple):
    """A piece of text and its style, one of bold, dim, and the colours above."""

    text: str
    style: str = ""


Part = str | Span


class Screen:
    """Lines of text to a stream: colour and width as its reader can take them."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.is_terminal = stream.isatty()
        self.color = _wants_color(is_terminal=self.is_terminal)
        self.width = _columns(stream, is_terminal=self.is_terminal)
        self.unicode = _takes_unicode(stream)

    def line(self, *parts: Part) -> None:
        """Write one line; every part is cleaned."""
        self.raw(self.render(*parts) + "\n")

    def prose(self, text: str, *, indent: str = "", style: str = "") -> None:
        """Write running text, wrapped at the width or at 100 cells."""
        for line in wrap(clean(text), max(20, min(self.width, PROSE) - len(indent))):
            self.line(indent, Span(line, style))

    def render(self, *parts: Part) -> str:
        """The parts as one string, with this stream's colours."""
        text = "".join(self._paint(part) for part in parts)
        return text if self.unicode else text.translate(_PLAIN)

    def raw(self, text: str) -> None:
        """Write what is ours and clean already: JSON, CSV, rendered lines."""
        try:
            self.stream.write(text)
        except UnicodeEncodeError:
            encoding = self.stream.encoding or "ascii"
            self.stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

    def _paint(self, part: Part) -> str:
        if isinstance(part, Span):
            text = clean(part.text)
            if self.color and part.style and text:
                return f"\x1b[{_CODES[part.style]}m{text}\x1b[0m"
            return text
        return clean(part)


def out() -> Screen:
    """Where results go."""
    return Screen(sys.stdout)


def err() -> Screen:
    """Where remarks, progress and errors go."""
    return Screen(sys.stderr)


def _wants_color(*, is_terminal: bool) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal and os.environ.get("TERM") != "dumb"


def _columns(stream: TextIO, *, is_terminal: bool) -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if not is_terminal:
        return _WIDE
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _takes_unicode(stream: TextIO) -> bool:
    try:
        "…━▁█".encode(stream.encoding or "utf-8")  # None: text in memory
    except (UnicodeEncodeError, LookupError):
        return False
    return True

"""Text for a terminal: neutralised, measured in cells, cut and padded.

Everything that comes from a run directory goes through `clean`: no escape sequence, no change of
writing direction and no line break of a recorded text reaches the terminal.
"""

from __future__ import annotations

import re
from unicodedata import combining, east_asian_width

ELLIPSIS = "…"


def clean(text: object) -> str:
    r"""One line without what a terminal would act on: it becomes `\x1b`, `\u202e`."""
    string = text if type(text) is str else str(text)
    if string.isprintable():
        return string
    return "".join(char if char.isprintable() else _visible(char) for char in string)


def _visible(char: str) -> str:
    if char in "\t\u00a0\u3000":
        return " "
    if char == "\n":
        return " "
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Terminal cells of a cleaned text; East Asian wide characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )


def clip(text: str, cells: int) -> str:
    """At most `cells` cells of a cleaned text, its end given up for an ellipsis."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept, used = [], 0
    for char in text:
        used += width(char)
        if used > cells - 1:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def clip_middle(text: str, cells: int) -> str:
    """As `clip`, but the middle is given up: both ends of a path tell more than its first half."""
    if width(text) <= cells:
        return text
    tail = max(0, (cells - 1) * 2 // 3)
    end = text[len(text) - tail :]
    while end and width(end) > tail:
        end = end[1:]
    return clip(text, cells - width(end)) + end


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """A cleaned text filled with blanks to `cells` cells; `right` aligns it to the right."""
    blanks = " " * (cells - width(text))
    return blanks + text if right else text + blanks


def wrap(text: str, cells: int) -> list[str]:
    """A cleaned text broken at blanks into lines of at most `cells` cells; a longer word is cut."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if width(joined) <= cells:
            line = joined
            continue
        if line:
            lines.append(line)
        line = clip(word, cells)
    return [*lines, line] if line else lines or [""]


def wrap_code(text: str, cells: int) -> list[str]:
    """As `wrap`, but blanks stay; what an indented line goes on with is set in two further."""
    body = text.lstrip(" ")
    indent = " " * min(len(text) - len(body), cells // 2)
    under = indent + "  " if indent else ""
    lines: list[str] = []
    line = indent
    for blanks, word in re.findall("( *)([^ ]+)", body):
        if width(line + blanks + word) <= cells:
            line += blanks + word
            continue
        if line.strip():
            lines.append(line)
        line = clip((under if lines else indent) + word, cells)
    return [*lines, line.rstrip()]

"""Which pictures a page may carry: told by their content, and small enough to be drawn."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES = 4 << 20  #: of one picture
MOST_PIXELS = 40_000_000  #: a few kB may unpack to a picture that fills the memory
_SVG_BYTES = 1 << 20
_SVG_NESTED = 20_000  #: elements of an SVG
#: what may stand before <svg>; atomic, so that no content makes the search slow
_SVG_START = re.compile(
    rb"(?:\xef\xbb\xbf)?(?>\s+|<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^>\[]*>)*+<svg[\s>/]", re.DOTALL
)


def data_uri(data: bytes) -> str:
    """The picture as a `data:` address for an <img>, where no script of it runs.

    Raises:
        ValueError: what keeps it from being shown, as in "no PNG, JPEG, GIF or SVG".
    """
    kind = _kind(data)
    if kind is None:
        raise ValueError("no PNG, JPEG, GIF or SVG")
    if kind == "svg+xml":
        _check_svg(data)
    elif (size := _size(data, kind)) is None or not size[0] * size[1]:
        raise ValueError("a torn picture")
    elif size[0] * size[1] > MOST_PIXELS:
        raise ValueError(f"{size[0]:,} by {size[1]:,} pixels")
    return f"data:image/{kind};base64,{b64encode(data).decode()}"


def _kind(data: bytes) -> str | None:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    return "svg+xml" if _SVG_START.match(data[:4096]) else None


def _size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Width and height in pixels, from the header."""
    if kind == "png":
        return _pair(data, 16, 4, "big") if data[12:16] == b"IHDR" else None
    if kind == "gif":
        return _pair(data, 6, 2, "little")
    for marker, start in _segments(data):
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # a frame's header
            return _pair(data, start + 3, 2, "big")
    return None


def _pair(data: bytes, at: int, width: int, order: str) -> tuple[int, int] | None:
    if len(data) < at + 2 * width:
        return None
    first, second = data[at : at + width], data[at + width : at + 2 * width]
    return _number(first, order), _number(second, order)


def _number(raw: bytes, order: str) -> int:
    return int.from_bytes(raw, "little" if order == "little" else "big")


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """The markers of a JPEG, each with where its content begins (its length)."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        yield marker, at + 2
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))


def _check_svg(data: bytes) -> None:
    if len(data) > _SVG_BYTES or data.count(b"<") > 2 * _SVG_NESTED:
        raise ValueError("an SVG too large to be drawn")
    if b"<!ENTITY" in data:
        raise ValueError("an SVG with entities")

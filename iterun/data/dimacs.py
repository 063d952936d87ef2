"""Graphs in the DIMACS format of coloring problems: `p edge N M`, then a line `e U V` an edge.

Vertices count from 1 in the files, from 0 in here. Edges given twice, or in both directions, are
merged. A comment `c colors K`, which `written` adds, says how many colors the problem allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLORS = re.compile(r"c\s+colors\s+(\d+)\s*$")
_IGNORED = frozenset("nxdv")  # weights and places of vertices


class FormatError(Exception):
    """A line that can't be read."""


@dataclass
class Read:
    """What a file says."""

    n: int | None = None  #: vertices; None before the p line
    edges: set[tuple[int, int]] = field(default_factory=set)
    colors: int | None = None


def parsed(text: str, name: str) -> Read:
    """The graph in a file's text.

    Args:
        text: of the whole file.
        name: as errors call the file.

    Raises:
        ConfigError: a line that can't be read, with its number.
    """
    found = Read()
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            _take(found, line.split(), line)
        except FormatError as error:
            raise ConfigError(
                f"data.path={name}, line {number}: {error}",
                hint="a file is `p edge N M`, then a line `e U V` an edge, vertices from 1 to N",
            ) from error
    if found.n is None:
        raise ConfigError(
            f"data.path={name}, line {len(lines) + 1}: the file ends without a p line",
            hint="begin it with `p edge N M`: N vertices, M edges",
        )
    return found


def written(name: str, n: int, edges: Sequence[tuple[int, int]], colors: int) -> str:
    """A graph as the text of a file."""
    head = [f"c {name}", f"c colors {colors}", f"p edge {n} {len(edges)}"]
    return "\n".join([*head, *(f"e {u + 1} {v + 1}" for u, v in edges)]) + "\n"


def _take(found: Read, words: Sequence[str], line: str) -> None:
    if said := _COLORS.match(line.strip()):
        found.colors = int(said[1])
    if not words or words[0][0] == "c" or words[0] in _IGNORED:
        return
    if words[0] == "p":
        found.n = _vertices(found, words)
    elif words[0] == "e":
        found.edges.add(_edge(found, words))
    else:
        raise FormatError(f"a line begins with c, p or e, not with {words[0]!r:.40}")


def _vertices(found: Read, words: Sequence[str]) -> int:
    if found.n is not None:
        raise FormatError("a second p line")
    if len(words) < 3 or words[1] not in ("edge", "edges", "col"):
        raise FormatError(f"{' '.join(words)!r:.60} is no `p edge N M`")
    if (n := _number(words[2])) < 1:
        raise FormatError("a graph without vertices")
    return n


def _edge(found: Read, words: Sequence[str]) -> tuple[int, int]:
    if found.n is None:
        raise FormatError("an edge before the p line")
    if len(words) != 3:
        raise FormatError(f"{' '.join(words)!r:.60} is no `e U V`")
    u, v = (_number(word) for word in words[1:])
    for vertex in (u, v):
        if not 1 <= vertex <= found.n:
            raise FormatError(f"there is no vertex {vertex}: they count from 1 to {found.n}")
    if u == v:
        raise FormatError(f"vertex {u} is joined to itself")
    return min(u, v) - 1, max(u, v) - 1


def _number(word: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,9}", word):
        raise FormatError(f"{word!r:.40} is no whole number")
    return int(word)

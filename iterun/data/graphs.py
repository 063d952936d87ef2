"""Graphs to be colored: a problem is its edges and how many colors are allowed.

Random ones are made in `planted_graphs`; here they are read from DIMACS files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from iterun.data import dimacs as files
from iterun.data.cache import digest
from iterun.errors import ConfigError
from iterun.ops.graph_coloring import chromatic_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

COLOR_NAMES = (
    "red", "green", "blue", "yellow", "purple", "orange", "brown", "pink", "gray", "black",
    "white", "cyan", "magenta", "olive", "gold", "violet", "silver", "navy", "coral", "khaki",
)  # fmt: skip


@dataclass(frozen=True)
class Graph:
    """A coloring problem."""

    name: str
    n: int  #: vertices, 0 ... n - 1
    edges: tuple[tuple[int, int], ...]  #: (u, v) with u < v, ascending
    colors: int  #: that may be used

    @property
    def color_names(self) -> tuple[str, ...]:
        """The words for them."""
        return COLOR_NAMES[: self.colors]

    def written(self, coloring: Sequence[int]) -> str:
        """A coloring as an answer has it: a line `vertex: color` each."""
        return "\n".join(f"{v}: {COLOR_NAMES[c]}" for v, c in enumerate(coloring))

    def dimacs(self) -> str:
        """The text of a DIMACS file."""
        return files.written(self.name, self.n, self.edges, self.colors)


class GraphSet(Protocol):
    """Coloring problems; random ones differ from seed to seed of a run."""

    name: str
    fingerprint: str

    def drawn(self, draw: np.random.Generator) -> Sequence[Graph]:
        """The problems of a run, at least one.

        Raises:
            ConfigError: the settings give none.
        """


@dataclass(frozen=True)
class Files:
    """Graphs as they were read (GraphSet)."""

    name: str
    fingerprint: str
    graphs: tuple[Graph, ...]

    def drawn(self, draw: np.random.Generator) -> tuple[Graph, ...]:
        """All of them: nothing is random."""
        return self.graphs


def dimacs(*, name: str = "dimacs", path: str | None = None, colors: int | None = None) -> Files:
    """The graphs of a DIMACS file, or of all files *.col of a folder, by name.

    Args:
        name: as typed.
        path: the file or folder.
        colors: allowed; null: as the file's `c colors K` says, else as few as the graph needs.

    Raises:
        ConfigError: no file, one that can't be read, or a number of colors that can't be told.
    """
    if colors is not None and not 1 <= colors <= len(COLOR_NAMES):
        raise unnamed_colors(colors)
    graphs, contents = [], []
    for file in _found(path):
        text = file.read_text(encoding="utf-8", errors="replace")
        read = files.parsed(text, str(file))
        assert read.n is not None
        edges = tuple(sorted(read.edges))
        allowed = colors or read.colors or fewest_colors(str(file), read.n, edges)
        if allowed > len(COLOR_NAMES):
            raise unnamed_colors(allowed)
        graphs.append(Graph(file.stem, read.n, edges, allowed))
        contents.append(text)
    return Files(name, digest(repr(("dimacs", colors)), *contents), tuple(graphs))


def fingerprint(settings: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the files that `dimacs` reads.

    Raises:
        ConfigError: there is no file.
    """
    files_read = _found(settings.get("path"))
    return digest(*(part for file in files_read for part in (file.stem, file.read_bytes())))


def _found(path: str | None) -> list[Path]:
    if not path:
        raise ConfigError(
            "data=dimacs needs a file or folder: data.path is empty",
            hint="as in data.path=queen5_5.col",
        )
    place = Path(path).expanduser()
    if place.is_file():
        return [place]
    found = sorted(place.glob("*.col"))
    if not found:
        what = "no file *.col in it" if place.is_dir() else "no such file or folder"
        raise ConfigError(f"data.path={path}: there is {what}", hint="check the path")
    return found


def fewest_colors(what: str, n: int, edges: Sequence[tuple[int, int]]) -> int:
    """The chromatic number, which has to be told where `data.colors` does not."""
    found = chromatic_number(n, edges)
    if found is None:
        raise ConfigError(
            f"data.colors=null: {what} is too large to tell how few colors do",
            hint="say how many there are, as in data.colors=5",
        )
    return found


def unnamed_colors(colors: int, least: int = 1) -> ConfigError:
    return ConfigError(
        f"data.colors={colors} is not from {least} to {len(COLOR_NAMES)}: so many have a name",
        hint="as in data.colors=3",
    )

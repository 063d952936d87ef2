"""Random graphs that have a coloring of so many colors, by construction.

A planted graph: n vertices in k classes of sizes as equal as can be, in random order; each pair of
different classes is joined with probability p; drawn anew until it is in one piece. With
`planar=true` the pairs come in random order, and one that would make the graph non-planar is left
out. Where `colors` is null nothing is planted, and a graph is to be colored with as few colors as
it needs. The planted coloring is not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from iterun.data.cache import digest
from iterun.data.graphs import COLOR_NAMES, Graph, fewest_colors, unnamed_colors
from iterun.errors import ConfigError, misset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_DRAWS = 1000  # of a graph, until it is in one piece


@dataclass(frozen=True)
class Planted:
    """Random graphs (GraphSet)."""

    name: str
    fingerprint: str
    sizes: tuple[int, ...]  #: vertices of each
    edge_p: float
    colors: int | None
    planar: bool
    seed: int | None

    def drawn(self, draw: np.random.Generator) -> list[Graph]:
        """A graph a size; drawn with `seed` instead, where there is one."""
        import numpy as np

        if self.seed is not None:
            draw = np.random.default_rng(self.seed)
        found = []
        for k, n in enumerate(self.sizes):
            edges = self._connected(n, draw)
            colors = self.colors or fewest_colors(f"graph {k}", n, edges)
            found.append(Graph(f"g{k:03}", n, edges, colors))
        return found

    def _connected(self, n: int, draw: np.random.Generator) -> tuple[tuple[int, int], ...]:
        import networkx as nx

        for _ in range(_DRAWS):
            graph = nx.empty_graph(n)
            graph.add_edges_from(self._edges(n, draw))
            if nx.is_connected(graph):
                return tuple(sorted(graph.edges))
        raise ConfigError(
            f"data.edge_p={self.edge_p}: graphs of {n} vertices fall apart in {_DRAWS} draws",
            hint="a larger one, as in data.edge_p=0.5",
        )

    def _edges(self, n: int, draw: np.random.Generator) -> list[tuple[int, int]]:
        """As the module says."""
        import networkx as nx

        classes = draw.permutation(n) % (self.colors or n)
        pairs = [(u, v) for u, v in combinations(range(n), 2) if classes[u] != classes[v]]
        chosen = [
            pair for pair, x in zip(pairs, draw.random(len(pairs)), strict=True) if x < self.edge_p
        ]
        if not self.planar:
            return chosen
        graph = nx.empty_graph(n)
        for at in draw.permutation(len(chosen)):
            graph.add_edge(*chosen[at])
            if not nx.check_planarity(graph)[0]:
                graph.remove_edge(*chosen[at])
        return list(graph.edges)


def planted(
    *,
    name: str = "planted-graphs",
    n_instances: int = 8,
    vertices: Sequence[int] = (5, 7),
    edge_p: float = 0.5,
    colors: int | None = 3,
    planar: bool = False,
    seed: int | None = None,
) -> Planted:
    """Random graphs, their sizes in turn from the smallest to the largest.

    Args:
        name: as typed.
        n_instances: how many.
        vertices: smallest and largest size.
        edge_p: probability of an edge between two classes, in (0, 1].
        colors: planted and allowed; null: none planted, as many allowed as the graph needs.
        planar: whether it can be drawn without crossings.
        seed: of the graphs; null: the run's.

    Raises:
        ConfigError: settings that give no graphs.
    """
    sizes = [int(n) for n in vertices]
    if n_instances < 1:
        raise misset(
            "n_instances", n_instances, "is too small", "at least data.n_instances=1", node="data"
        )
    if len(sizes) != 2 or not 2 <= sizes[0] <= sizes[1]:
        raise ConfigError(
            f"data.vertices={sizes} is not the smallest and the largest number of vertices",
            hint="two numbers from 2, as in data.vertices=[5,7]",
        )
    if not 0 < edge_p <= 1:
        raise ConfigError(f"data.edge_p={edge_p} is no probability", hint="as in data.edge_p=0.5")
    if colors is not None and not 2 <= colors <= len(COLOR_NAMES):
        raise unnamed_colors(colors, least=2)
    if seed is not None and seed < 0:
        raise misset("seed", seed, "is below 0", "as in data.seed=0, or null", node="data")
    settings = (n_instances, sizes, edge_p, colors, planar, seed)
    first, last = sizes
    return Planted(
        name=name,
        fingerprint=digest(repr(("planted", *settings))),
        sizes=tuple(first + k % (last - first + 1) for k in range(n_instances)),
        edge_p=edge_p,
        colors=colors,
        planar=planar,
        seed=seed,
    )

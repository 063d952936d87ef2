"""The program that colors graphs where no language model is at hand: it errs, and it repairs.

It is no model of a language model: how it errs and how feedback helps it are choices made here. It
knows the graph, its last answer and the text of the feedback, and nothing else.

    no answer yet     a color for each vertex, drawn uniformly
    an edge named     one of its ends, drawn, gets the color that is rarest among its neighbors
    none named        one vertex, drawn, gets another color, drawn
    asked to judge    it looks at each edge with probability 1/2 and names the first fault it sees
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from iterun.models.coloring_prompts import Asked
from iterun.ops.graph_coloring import neighbors

if TYPE_CHECKING:
    import numpy as np

    from iterun.data.graphs import Graph
    from iterun.types import Request

_NAMED = re.compile(r"vertices (\d+) and (\d+)|Edge: (\d+)-(\d+)")
_LINE = re.compile(r"^(\d+): (\w+)$", re.MULTILINE)


def propose(request: Request, seed: int) -> str:
    """The reply (types.Proposer)."""
    import numpy as np

    asked, draw = request.payload, np.random.default_rng(seed)
    assert isinstance(asked, Asked)
    last = _read(asked.graph, asked.answer)
    if asked.to_judge:
        return _verdict(asked.graph, last, draw)
    if last is None:
        return asked.graph.written(
            [int(c) for c in draw.integers(asked.graph.colors, size=asked.graph.n)]
        )
    return asked.graph.written(_repaired(asked.graph, last, asked.feedback, draw))


def _repaired(graph: Graph, last: list[int], feedback: str, draw: np.random.Generator) -> list[int]:
    colors, near = list(last), neighbors(graph.n, graph.edges)
    named = [[int(v) for v in match if v] for match in _NAMED.findall(feedback)]
    for edge in named:
        v = edge[int(draw.integers(2))]
        seen = [colors[u] for u in near[v]]
        counts = [seen.count(c) for c in range(graph.colors)]
        rarest = [c for c, count in enumerate(counts) if count == min(counts)]
        colors[v] = rarest[int(draw.integers(len(rarest)))]
    if not named and graph.colors > 1:
        v, step = int(draw.integers(graph.n)), 1 + int(draw.integers(graph.colors - 1))
        colors[v] = (colors[v] + step) % graph.colors
    return colors


def _verdict(graph: Graph, colors: list[int] | None, draw: np.random.Generator) -> str:
    looked = draw.random(len(graph.edges)) < 0.5
    for (u, v), seen in zip(graph.edges, looked, strict=True):
        if seen and colors is not None and colors[u] == colors[v]:
            return f"Verdict: wrong\nEdge: {u}-{v}"
    return "Verdict: right\nEdge: none"


def _read(graph: Graph, text: str) -> list[int] | None:
    """Its own last answer."""
    said = {int(vertex): color for vertex, color in _LINE.findall(text)}
    if set(said) != set(range(graph.n)) or not set(said.values()) <= set(graph.color_names):
        return None
    return [graph.color_names.index(said[v]) for v in range(graph.n)]

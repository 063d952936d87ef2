"""Colorings as a model writes them: read, verified exactly, and answered with a sentence.

An answer is a line `vertex: color` for each vertex; of a reply with fenced blocks the last one that
has such lines counts. A line for a vertex that is not there, two for one, none for one, a word that
is no color of the problem, or more colors than it allows make the answer invalid: it is no
coloring, and the sentence says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iterun.judges.programs import fenced
from iterun.ops.graph_coloring import count_colorings, some_coloring, violated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from iterun.data.graphs import Graph

    Colors = tuple[int, ...]
    Edge = tuple[int, int]

Feedback = Literal["passfail", "first", "all", "random"]
PROBES = ("right", "one_edge", "random", "one_color")

_MARKS = r"[\s>*_`#\-•{\"']*"
_LINE = re.compile(
    rf"(?:^|[,;]){_MARKS}(?:\d+[.)]\s+)?(?:vertex\s+|node\s+)?[*_`]*(\d+)"  # 3. Vertex 2
    r"[*_`\"']*\s*(?::|=|->|→)[\s*_`\"']*([A-Za-z]+|\d+)",  # : red
    re.IGNORECASE | re.MULTILINE,
)
_JUDGED = re.compile(r"verdict\W*(right|wrong|correct|incorrect)\b", re.IGNORECASE)
_FEW = 6  # faults that a sentence names


@dataclass(frozen=True)
class Verdict:
    """What is true of an answer."""

    ok: bool  #: a proper coloring
    score: float  #: share of the edges that hold; 0 of an invalid answer
    violations: tuple[str, ...]  #: in words
    edges: tuple[Edge, ...] = ()  #: those that join equal colors


def judged(graph: Graph, text: str) -> tuple[Colors | None, Verdict]:
    """The coloring that a reply gives, None of an invalid one, and what is true of it."""
    found = _pairs(text)
    if faults := _faults(graph, found):
        return None, Verdict(ok=False, score=0.0, violations=tuple(faults))
    number = {name: c for c, name in enumerate(graph.color_names)}
    said = {vertex: number[word] for vertex, word in found}
    colors = tuple(said[v] for v in range(graph.n))
    return colors, verified(graph, colors)


def verified(graph: Graph, colors: Colors) -> Verdict:
    """Whether a coloring is proper, and which edges join equal colors."""
    bad = tuple(violated(colors, graph.edges))
    return Verdict(
        ok=not bad,
        score=1 - len(bad) / max(1, len(graph.edges)),
        violations=tuple(_claim(graph, colors, edge) for edge in bad),
        edges=bad,
    )


def feedback(
    kind: Feedback, graph: Graph, colors: Colors, verdict: Verdict, draw: np.random.Generator
) -> str:
    """The sentence that a verifier answers a wrong coloring with.

    Args:
        kind: passfail names nothing; first the first violated edge, all each of them; random
            claims that of an edge which is fine, or nothing where none is.
        graph: the problem.
        colors: the answer.
        verdict: of it.
        draw: of the edge.
    """
    claims = list(verdict.violations)
    if kind == "random":
        fine = [edge for edge in graph.edges if edge not in verdict.edges]
        claims = [_claim(graph, colors, fine[int(draw.integers(len(fine)))])] if fine else []
    named = {"passfail": [], "first": claims[:1], "all": claims, "random": claims}[kind]
    return f"This is wrong: {'; '.join(named)}." if named else "This is wrong."


def format_feedback(verdict: Verdict) -> str:
    """The sentence that an invalid answer gets from anyone who reads it."""
    more = len(verdict.violations) - _FEW
    end = f"; and {more} more" if more > 0 else ""
    return f"This is no coloring of the graph: {'; '.join(verdict.violations[:_FEW])}{end}."


def critique(text: str) -> bool | None:
    """Whether a critic calls the coloring right, by its last verdict; None if it gives none."""
    found = _JUDGED.findall(text)
    return found[-1].lower() in ("right", "correct") if found else None


def chance(graph: Graph) -> float | None:
    """The share of all colorings that are proper; None where they can't be counted."""
    proper = count_colorings(graph.n, graph.edges, graph.colors)
    return None if proper is None else proper / graph.colors**graph.n


def probes(graph: Graph, draw: np.random.Generator) -> dict[str, Colors]:
    """Answers to be judged, by kind; kinds that this graph does not have are left out.

    right: proper. one_edge: one vertex of it colored anew, so that one edge is violated, or as few
    as can be. random: drawn uniformly, and not proper. one_color: the same color everywhere.
    """
    found: dict[str, Colors] = {}
    right = some_coloring(graph.n, graph.edges, graph.colors, draw)
    if right is not None:
        found["right"] = right
        if broken := _broken(graph, right, draw):
            found["one_edge"] = broken
    for _ in range(100):
        guess = tuple(int(c) for c in draw.integers(graph.colors, size=graph.n))
        if violated(guess, graph.edges):
            found["random"] = guess
            break
    if graph.edges:
        found["one_color"] = (int(draw.integers(graph.colors)),) * graph.n
    return found


def _broken(graph: Graph, right: Colors, draw: np.random.Generator) -> Colors | None:
    changes = [
        (*right[:v], c, *right[v + 1 :])
        for v in range(graph.n)
        for c in range(graph.colors)
        if c != right[v]
    ]
    counts = [len(violated(one, graph.edges)) for one in changes]
    least = min((count for count in counts if count), default=None)
    fitting = [one for one, count in zip(changes, counts, strict=True) if count == least]
    return fitting[int(draw.integers(len(fitting)))] if fitting else None


def _pairs(text: str) -> list[tuple[int, str]]:
    """(vertex, color word) line by line."""
    parts = [part for part in fenced(text) if _LINE.search(part)]
    found = _LINE.findall(parts[-1] if parts else text)
    return [(int(vertex[:9]), word.lower()) for vertex, word in found]


def _faults(graph: Graph, found: Sequence[tuple[int, str]]) -> list[str]:
    if not found:
        return ["it has no line `vertex: color`"]
    vertices, words = [v for v, _ in found], list(dict.fromkeys(word for _, word in found))
    faults = [f"there is no vertex {v}" for v in dict.fromkeys(vertices) if v >= graph.n]
    faults += [f"vertex {v} has two lines" for v in range(graph.n) if vertices.count(v) > 1]
    faults += [f"vertex {v} has no line" for v in range(graph.n) if v not in vertices]
    if len(words) > graph.colors:
        faults.append(f"it uses {len(words)} colors, and {graph.colors} are allowed")
    names = ", ".join(graph.color_names)
    return faults + [f"{w} is none of {names}" for w in words if w not in graph.color_names]


def _claim(graph: Graph, colors: Colors, edge: Edge) -> str:
    u, v = edge
    return f"vertices {u} and {v} are connected and both {graph.color_names[colors[u]]}"

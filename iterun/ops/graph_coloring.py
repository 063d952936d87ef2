"""Proper colorings of small graphs, exactly: how many there are, one of them, the fewest colors.

A graph is `n` vertices 0 ... n - 1 and edges (u, v). A coloring is a color 0 ... k - 1 for each
vertex; it is proper where no edge joins two equal ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    Edges = Sequence[tuple[int, int]]
    Colors = tuple[int, ...]

MOST_STATES = 50_000
MOST_STEPS = 100_000


def count_colorings(n: int, edges: Edges, k: int, *, most: int = MOST_STATES) -> int | None:
    """How many of the k^n colorings are proper; None where too much has to be kept in mind.

    Vertices are colored one after the other. Only those with a neighbor to come matter, and of
    these only which share a color: a state is that partition, with the number of ways to it.

    Args:
        n: vertices.
        edges: between them.
        k: colors there are.
        most: states kept, at most.
    """
    near = neighbors(n, edges)
    ways: dict[Colors, int] = {(): 1}
    frontier: list[int] = []
    done: set[int] = set()
    while len(done) < n:
        v = _next(near, frontier, done)
        done.add(v)
        held = [p for p, u in enumerate(frontier) if u in near[v]]
        frontier = [*frontier, v]
        stay = [p for p, u in enumerate(frontier) if near[u] - done]
        after = _colored(ways, held, stay, k, most)
        if after is None:
            return None
        ways, frontier = after, [frontier[p] for p in stay]
    return sum(ways.values())


def chromatic_number(n: int, edges: Edges) -> int | None:
    """The fewest colors of a proper coloring; None where `count_colorings` can't tell."""
    for k in range(1, n + 1):
        found = count_colorings(n, edges, k)
        if found is None:
            return None
        if found:
            return k
    return 0


def some_coloring(
    n: int, edges: Edges, k: int, draw: np.random.Generator, *, most: int = MOST_STEPS
) -> Colors | None:
    """A proper coloring, its colors in random order; None if there is none or the search is long.

    Always the vertex next that has the fewest colors left (DSATUR), going back where it has none.
    """
    near = neighbors(n, edges)
    colors = [-1] * n
    names = [int(c) for c in draw.permutation(k)]
    steps = 0
    stack: list[tuple[int, list[int]]] = []  # vertices colored, and what else each may have
    while len(stack) < n:
        v = max(
            (u for u in range(n) if colors[u] < 0),
            key=lambda u: (len({colors[w] for w in near[u]} - {-1}), len(near[u]), -u),
        )
        used = max(colors, default=-1) + 1
        taken = {colors[w] for w in near[v]}
        # A color that nobody has yet is as good as any other such: one of them is tried.
        stack.append((v, [c for c in range(min(k, used + 1)) if c not in taken]))
        while stack and not stack[-1][1]:
            colors[stack.pop()[0]] = -1
        steps += 1
        if not stack or steps > most:
            return None
        top, rest = stack[-1]
        colors[top] = rest.pop(0)
    return tuple(names[c] for c in colors)


def violated(colors: Sequence[int], edges: Edges) -> list[tuple[int, int]]:
    """The edges whose two ends have one color, in the order of `edges`."""
    return [(u, v) for u, v in edges if colors[u] == colors[v]]


def neighbors(n: int, edges: Edges) -> list[set[int]]:
    """Of each vertex."""
    near: list[set[int]] = [set() for _ in range(n)]
    for u, v in edges:
        near[u].add(v)
        near[v].add(u)
    return near


def _next(near: Sequence[set[int]], frontier: Sequence[int], done: set[int]) -> int:
    """The vertex after which the fewest still have neighbors to come."""

    def left(v: int) -> int:
        after = done | {v}
        return sum(1 for u in (*frontier, v) if near[u] - after)

    return min((v for v in range(len(near)) if v not in done), key=lambda v: (left(v), v))


def _colored(
    ways: dict[Colors, int], held: Sequence[int], stay: Sequence[int], k: int, most: int
) -> dict[Colors, int] | None:
    """The states after one more vertex, which is joined to those at `held`; None of too many."""
    found: dict[Colors, int] = {}
    for state, n_ways in ways.items():
        used = max(state, default=-1) + 1
        taken = {state[p] for p in held}
        options = [(c, n_ways) for c in range(used) if c not in taken]
        if used < k:
            options.append((used, n_ways * (k - used)))
        for color, times in options:
            after = _renamed([(*state, color)[p] for p in stay])
            found[after] = found.get(after, 0) + times
        if len(found) > most:
            return None
    return found


def _renamed(colors: Sequence[int]) -> Colors:
    """The same partition with colors numbered as they first appear."""
    names: dict[int, int] = {}
    return tuple(names.setdefault(c, len(names)) for c in colors)

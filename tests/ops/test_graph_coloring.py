"""Proper colorings counted, found and told impossible, against enumeration and known graphs."""

from __future__ import annotations

from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.ops.graph_coloring import (
    chromatic_number,
    count_colorings,
    neighbors,
    some_coloring,
    violated,
)


def queens(side):
    """Squares of a chess board, joined where one queen attacks the other."""
    cells = list(product(range(side), repeat=2))
    return side * side, [
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(cells), 2)
        if a[0] == b[0] or a[1] == b[1] or abs(a[0] - b[0]) == abs(a[1] - b[1])
    ]


def of(graph):
    return len(graph), sorted(tuple(sorted(edge)) for edge in graph.edges)


#: (vertices, edges) and chromatic number
KNOWN = {
    "myciel3": (of(nx.mycielski_graph(4)), 4),
    "myciel4": (of(nx.mycielski_graph(5)), 5),
    "queen5_5": (queens(5), 5),
    "petersen": (of(nx.petersen_graph()), 3),
    "complete": (of(nx.complete_graph(6)), 6),
    "odd cycle": (of(nx.cycle_graph(7)), 3),
    "even cycle": (of(nx.cycle_graph(8)), 2),
    "no edges": ((3, []), 1),
}


@st.composite
def graphs(draw, most=6):
    n = draw(st.integers(1, most))
    pairs = list(combinations(range(n), 2))
    return n, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


@given(graphs(), st.integers(1, 4))
def test_the_count_is_that_of_trying_all(graph, k):
    n, edges = graph

    found = count_colorings(n, edges, k)

    assert found == sum(not violated(one, edges) for one in product(range(k), repeat=n))


@given(graphs(), st.integers(1, 4), st.integers(0, 9))
def test_a_coloring_is_found_where_there_is_one(graph, k, seed):
    n, edges = graph

    found = some_coloring(n, edges, k, np.random.default_rng(seed))

    assert (found is not None) == (count_colorings(n, edges, k) > 0)
    assert found is None or (not violated(found, edges) and set(found) <= set(range(k)))


@pytest.mark.parametrize("name", KNOWN)
def test_chromatic_numbers_are_those_known(name):
    (n, edges), fewest = KNOWN[name]

    assert chromatic_number(n, edges) == fewest
    assert some_coloring(n, edges, fewest, np.random.default_rng(0)) is not None
    if fewest > 1:
        assert some_coloring(n, edges, fewest - 1, np.random.default_rng(0)) is None


def test_what_takes_too_much_is_not_told():
    n, edges = queens(6)

    assert count_colorings(n, edges, 7, most=100) is None


def test_a_search_that_is_too_long_ends():
    n, edges = queens(6)

    assert some_coloring(n, edges, 6, np.random.default_rng(0), most=50) is None


def test_a_circle_has_the_number_of_the_formula():
    """(k - 1)^n + (-1)^n (k - 1); 200 vertices, so the number itself is no float."""
    edges = [(v, (v + 1) % 200) for v in range(200)]

    assert count_colorings(200, edges, 3) == 2**200 + 2
    assert neighbors(3, [(0, 1)]) == [{1}, {0}, set()]

"""Graphs to be colored: planted ones hold what they promise; files are read, or refused by line."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.graphs import COLOR_NAMES, Graph, dimacs, fingerprint
from iterun.data.planted_graphs import planted
from iterun.errors import ConfigError
from iterun.ops.graph_coloring import chromatic_number, count_colorings


def drawn(run_seed=0, **settings):
    return planted(**settings).drawn(np.random.default_rng(run_seed))


@given(st.integers(0, 10**6), st.integers(2, 5), st.floats(0.4, 1.0))
def test_planted_graphs_can_be_colored_and_hang_together(seed, colors, edge_p):
    for graph in drawn(seed, n_instances=3, vertices=(5, 7), colors=colors, edge_p=edge_p):
        assert count_colorings(graph.n, graph.edges, colors) > 0
        assert graph.edges == tuple(sorted(set(graph.edges)))
        assert all(0 <= u < v < graph.n for u, v in graph.edges)
        assert nx.is_connected(nx.Graph(graph.edges))


def test_sizes_may_be_typed_with_a_point():
    assert drawn(n_instances=2, vertices=(5, 7.0)) == drawn(n_instances=2, vertices=(5, 7))


def test_sizes_come_in_turn():
    assert [graph.n for graph in drawn(n_instances=5, vertices=(5, 7))] == [5, 6, 7, 5, 6]


def test_graphs_differ_by_the_runs_seed_unless_they_have_their_own():
    assert drawn(0) == drawn(0) != drawn(1)
    assert drawn(0, seed=7) == drawn(1, seed=7)


def test_planar_graphs_without_a_plan_get_the_colors_that_they_need():
    found = drawn(n_instances=6, vertices=(10, 12), colors=None, planar=True, edge_p=0.6)

    for graph in found:
        assert nx.check_planarity(nx.Graph(graph.edges))[0]
        assert chromatic_number(graph.n, graph.edges) == graph.colors <= 4


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"n_instances": 0}, "data.n_instances=0 is too small"),
        ({"vertices": (7, 5)}, "data.vertices=[7, 5] is not"),
        ({"vertices": (1, 5)}, "data.vertices=[1, 5] is not"),
        ({"vertices": (5,)}, "data.vertices=[5] is not"),
        ({"edge_p": 0}, "data.edge_p=0 is no probability"),
        ({"edge_p": 1.5}, "data.edge_p=1.5 is no probability"),
        ({"edge_p": 0.01}, "data.edge_p=0.01: graphs of 5 vertices fall apart"),
        ({"seed": -1}, "data.seed=-1 is below 0"),
        ({"colors": 1}, "data.colors=1 is not from 2 to 20"),
        ({"colors": 21}, "data.colors=21 is not from 2 to 20"),
    ],
)
def test_settings_without_graphs_are_refused(settings, said):
    with pytest.raises(ConfigError) as refused:
        drawn(**settings)

    assert said in refused.value.message
    assert refused.value.hint


TRIANGLE = "c a comment\np edge 3 3\ne 1 2\ne 2 3\ne 1 3\n"


def read(tmp_path, text, name="graph.col", **settings):
    file = tmp_path / name
    file.write_text(text)
    return dimacs(path=str(file), **settings).graphs


def test_a_file_counts_from_one_and_we_from_zero(tmp_path):
    assert read(tmp_path, TRIANGLE) == (Graph("graph", 3, ((0, 1), (0, 2), (1, 2)), 3),)


def test_edges_in_both_directions_are_one(tmp_path):
    text = "p col 2 3\nn 1 5\ne 1 2\ne 2 1\n\ne 1 2\n"

    assert read(tmp_path, text)[0].edges == ((0, 1),)


@given(seed=st.integers(0, 10**6))
def test_what_is_written_is_read_again(seed, tmp_path_factory):
    graph = drawn(seed, n_instances=1, vertices=(7, 7))[0]

    found = read(tmp_path_factory.mktemp("graph"), graph.dimacs(), f"{graph.name}.col")

    assert found == (graph,)


def test_a_folder_is_all_its_files_by_name(tmp_path):
    (tmp_path / "b.col").write_text(TRIANGLE)
    (tmp_path / "a.col").write_text("p edge 2 1\ne 1 2\n")
    (tmp_path / "readme.txt").write_text("no graph")

    found = dimacs(path=str(tmp_path), colors=4).graphs

    assert [(graph.name, graph.n, graph.colors) for graph in found] == [("a", 2, 4), ("b", 3, 4)]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("p edge 3 1\ne 0 1\n", 2, "there is no vertex 0: they count from 1 to 3"),
        ("p edge 3 1\ne 1 4\n", 2, "there is no vertex 4: they count from 1 to 3"),
        ("c x\np edge 3 1\ne 2 2\n", 3, "vertex 2 is joined to itself"),
        ("c only this\n", 2, "the file ends without a p line"),
        ("e 1 2\np edge 2 1\n", 1, "an edge before the p line"),
        ("p edge 2 1\np edge 2 1\n", 2, "a second p line"),
        ("p cnf 2 1\n", 1, "'p cnf 2 1' is no `p edge N M`"),
        ("p edge 0 0\n", 1, "a graph without vertices"),
        ("p edge 2 1\ne 1\n", 2, "'e 1' is no `e U V`"),
        ("p edge 2 1\ne 1 two\n", 2, "'two' is no whole number"),
        ("p edge 2 1\n1 2\n", 2, "a line begins with c, p or e, not with '1'"),
    ],
)
def test_a_bad_line_is_named(text, line, said, tmp_path):
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)

    assert f"graph.col, line {line}: {said}" in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_not_there_is_refused(tmp_path):
    for path, said in (
        (None, "data.path is empty"),
        (str(tmp_path), "no file *.col in it"),
        (str(tmp_path / "x.col"), "no such file"),
    ):
        with pytest.raises(ConfigError, match=said.replace("*", r"\*")):
            dimacs(path=path)


def test_a_graph_that_is_too_large_asks_for_the_number_of_colors(tmp_path):
    graph = nx.mycielski_graph(6)
    lines = [f"p edge {len(graph)} {graph.size()}", *(f"e {u + 1} {v + 1}" for u, v in graph.edges)]

    with pytest.raises(ConfigError, match=r"data\.colors=null: .*too large"):
        read(tmp_path, "\n".join(lines))

    assert read(tmp_path, "\n".join(lines), colors=6)[0].colors == 6


def test_more_colors_than_have_names_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=rf"data\.colors={len(COLOR_NAMES) + 1}"):
        read(tmp_path, TRIANGLE, colors=len(COLOR_NAMES) + 1)


def test_the_fingerprint_is_of_the_content(tmp_path):
    for name, text in (("one", TRIANGLE), ("two", TRIANGLE), ("three", TRIANGLE + "c\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "g.col").write_text(text)

    one, two, three = (
        fingerprint({"path": str(tmp_path / name)}) for name in ("one", "two", "three")
    )

    assert one == two != three

"""Answers of a model to coloring problems: read, verified, answered."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.graphs import Graph
from iterun.data.planted_graphs import planted
from iterun.judges import coloring as judge
from iterun.judges.coloring_chains import Chain, arms_of, main_arm

PATH = Graph("path", 3, ((0, 1), (1, 2)), 2)
SQUARE = Graph("square", 4, ((0, 1), (0, 3), (1, 2), (2, 3)), 3)
PROPER = "0: red\n1: green\n2: red"


def seeded(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize(
    "text",
    [
        PROPER,
        "0:red\n1:  Green\n2: RED.",
        "Here it is:\n- **Vertex 0**: red\n- **Vertex 1**: green\n- **Vertex 2**: red\nDone.",
        "First I thought\n```\n0: red\n1: red\n2: red\n```\nbut rather\n```text\n"
        + PROPER
        + "\n```",
        "```python\nprint('no coloring')\n```\n" + PROPER,
        '{"0": "red", "1": "green", "2": "red"}',
        "0: red, 1: green, 2: red",
        "1. 0: red\n2. 1: green\n3. 2: red",
        "0 -> red\n1 = green\nvertex 2: `red`",
    ],
)
def test_an_answer_is_read_in_many_forms(text):
    colors, verdict = judge.judged(PATH, text)

    assert colors == (0, 1, 0)
    assert verdict.ok
    assert verdict.score == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it has no line `vertex: color`"),
        ("I can't do that.", "it has no line `vertex: color`"),
        ("0: red\n1: green", "vertex 2 has no line"),
        (PROPER + "\n1: green", "vertex 1 has two lines"),
        (PROPER + "\n3: red", "there is no vertex 3"),
        ("0: red\n1: mauve\n2: red", "mauve is none of red, green"),
        ("0: red\n1: blue\n2: green", "it uses 3 colors, and 2 are allowed"),
        ("0: red\n1: 2\n2: red", "2 is none of red, green"),
    ],
)
def test_an_invalid_answer_is_no_coloring_and_hears_why(text, said):
    colors, verdict = judge.judged(PATH, text)

    assert colors is None
    assert not verdict.ok
    assert verdict.score == 0
    assert said in judge.format_feedback(verdict)


def test_a_very_wrong_answer_gets_a_short_sentence():
    graph = Graph("large", 40, ((0, 1),), 2)

    said = judge.format_feedback(judge.judged(graph, "0: red")[1])

    assert "vertex 6 has no line; and 33 more" in said


@given(st.integers(0, 10**6))
def test_the_verdict_is_that_of_looking_at_each_edge(seed):
    draw = seeded(seed)
    graph = planted(n_instances=1, vertices=(6, 6)).drawn(draw)[0]
    colors = tuple(int(c) for c in draw.integers(3, size=6))

    found, verdict = judge.judged(graph, graph.written(colors))

    wrong = [(u, v) for u, v in graph.edges if colors[u] == colors[v]]
    assert found == colors
    assert list(verdict.edges) == wrong
    assert verdict.ok == (not wrong)
    assert verdict.score == pytest.approx(1 - len(wrong) / len(graph.edges))


def test_feedback_tells_what_its_kind_tells():
    """0, 1, 3 are red: edges 0-1 and 0-3 are violated, 1-2 and 2-3 fine."""
    colors = (0, 0, 1, 0)
    verdict = judge.verified(SQUARE, colors)

    said = {
        kind: judge.feedback(kind, SQUARE, colors, verdict, seeded())
        for kind in ("passfail", "first", "all", "random")
    }

    first, second = (f"vertices 0 and {v} are connected and both red" for v in (1, 3))
    assert said["passfail"] == "This is wrong."
    assert said["first"] == f"This is wrong: {first}."
    assert said["all"] == f"This is wrong: {first}; {second}."
    assert any(f"vertices {u} and {v} are" in said["random"] for u, v in ((1, 2), (2, 3)))


def test_a_claim_is_made_up_only_of_an_edge_that_is_fine():
    colors = (0, 0, 0)
    verdict = judge.verified(PATH, colors)

    assert judge.feedback("random", PATH, colors, verdict, seeded()) == "This is wrong."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Verdict: right\nEdge: none", True),
        ("Verdict: wrong\nEdge: 0-1", False),
        ("**Verdict:** Incorrect", False),
        ("Verdict: right? No. Verdict: wrong", False),
        ("It looks fine to me.", None),
    ],
)
def test_a_critique_is_its_last_verdict(text, said):
    assert judge.critique(text) is said


def test_chance_is_the_share_of_proper_colorings():
    """A path of three with two colors: 2 of 8."""
    assert judge.chance(PATH) == pytest.approx(2 / 8)
    assert judge.chance(Graph("triangle", 3, ((0, 1), (0, 2), (1, 2)), 2)) == 0


@given(st.integers(0, 10**6))
def test_probes_are_what_they_are_called(seed):
    graph = planted(n_instances=1, vertices=(6, 6)).drawn(seeded(seed))[0]

    found = judge.probes(graph, seeded(seed))

    wrong = {kind: len(judge.verified(graph, colors).edges) for kind, colors in found.items()}
    assert set(wrong) == set(judge.PROBES)
    assert wrong["right"] == 0
    assert 1 <= wrong["one_edge"] <= 2
    assert wrong["random"] >= 1
    assert wrong["one_color"] == len(graph.edges)
    assert set(Counter(found["one_color"]).values()) == {6}


def test_a_graph_that_cannot_be_colored_has_no_right_probe():
    triangle = Graph("triangle", 3, ((0, 1), (0, 2), (1, 2)), 2)

    assert set(judge.probes(triangle, seeded())) == {"random", "one_color"}


def taken(arm, *texts, whole_past=False):
    chain = Chain(PATH, arm)
    for text in texts:
        chain.take(text, whole_past=whole_past, draw=seeded())
    return chain


def test_an_invalid_answer_leaves_the_one_before_it_standing():
    chain = taken("external_first", "0: red\n1: red\n2: red", "no idea")

    assert chain.current == (0, 0, 0)
    assert chain.turns == [("no idea", chain.said)]
    assert chain.said.startswith("This is no coloring of the graph")
    assert chain.is_open


def test_history_is_the_last_turn_or_all_of_them():
    texts = ("0: red\n1: red\n2: red", "0: red\n1: red\n2: green")

    assert [text for text, _ in taken("external_first", *texts).turns] == [texts[1]]
    assert [text for text, _ in taken("external_first", *texts, whole_past=True).turns] == [*texts]


def test_a_verified_arm_never_loses_what_it_solved_and_shows_nothing_to_fresh_ones():
    chain = taken("best_of_k", PROPER, "0: red\n1: red\n2: red", "nothing")

    assert chain.solved
    assert chain.right == [True, False, False]
    assert chain.turns == []
    assert chain.asks_for_answer


def test_the_model_as_critic_gives_up_a_right_answer_and_accepts_a_wrong_one():
    chain = taken("self", PROPER)
    assert chain.hear(False, "Verdict: wrong") == ["false_reject"]
    chain.take("0: red\n1: red\n2: red", whole_past=False, draw=seeded())

    assert chain.given_up
    assert chain.asks_for_critique
    assert chain.hear(True, "Verdict: right") == ["stopped", "false_accept"]
    assert not chain.asks_for_answer


def test_after_an_empty_critique_an_answer_is_asked_for():
    chain = taken("self", "0: red\n1: red\n2: red")

    assert chain.asks_for_critique
    assert chain.hear(None, "") == []
    assert chain.asks_for_answer
    assert chain.turns[-1][1]  # the model is told so


def test_a_reply_that_never_came_changes_nothing():
    chain = taken("external_first", "0: red\n1: red\n2: red")
    before = dict(chain.state(), right=None)

    chain.miss()

    assert dict(chain.state(), right=None) == before
    assert chain.right == [False, False]


def test_arms_are_those_asked_for():
    assert arms_of("self", "first") == ("direct", "self")
    assert arms_of("external", "random") == ("direct", "external_random")
    assert arms_of("none", "first") == ("direct", "best_of_k")
    assert "external_random" in arms_of("compare", "random")
    assert len(arms_of("compare", "all")) == 6
    assert main_arm("compare", "all") == "external_all"

"""The program that colors graphs, and the requests that it and language models get."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.graphs import Graph
from iterun.data.planted_graphs import planted
from iterun.models.coloring_prompts import JUDGE, Prompts, problem
from iterun.models.graph_colorer import propose
from iterun.ops.graph_coloring import violated

PATH = Graph("path", 4, ((0, 1), (0, 2), (0, 3), (2, 3)), 3)
PROMPTS = Prompts(temperature=0.7, constrained=True, max_tokens=50)
seeds = st.integers(0, 10**6)


def colors_of(text):
    return [PATH.color_names.index(line.split(": ")[1]) for line in text.splitlines()]


def answer(turns, seed):
    return colors_of(propose(PROMPTS.color(PATH, turns, 0, "direct", 0), seed))


def test_the_problem_names_every_edge_once_and_what_is_asked_for():
    said = problem(PATH)

    assert "The vertices are 0 to 3.\nVertex 0 is connected to 1, 2 and 3.\n" in said
    assert said.endswith("Vertex 2 is connected to 3.")
    assert "red, green, blue" in said


def test_a_request_shows_the_turns_and_holds_the_reply_to_its_form():
    request = PROMPTS.color(PATH, [("0: red", "This is wrong.")], 7, "external_first", 2)

    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert request.messages[2].content.startswith("This is wrong. Answer again")
    assert request.choices[:3] == (("0: ",), ("red", "green", "blue"), ("\n1: ",))
    assert (request.seed, request.temperature) == (7, 0.7)
    assert dict(request.tag) == {"agent": "external_first", "instance": "path", "round": 2}


def test_a_judge_is_asked_for_the_likeliest_verdict_on_any_edge():
    request = PROMPTS.judge(PATH, "0: red", 7, "critic", 2)

    assert request.messages[-1].content == JUDGE
    assert request.temperature == 0
    assert request.choices[-1] == ("0-1", "0-2", "0-3", "2-3", "none")


def test_free_replies_are_held_to_nothing():
    free = Prompts(temperature=0.7, constrained=False, max_tokens=50)

    assert free.color(PATH, (), 0, "direct", 0).choices is None
    assert free.judge(PATH, "", 0, "critic", 0).choices is None


@given(seeds)
def test_a_named_edge_is_mended_at_one_of_its_ends(seed):
    """Vertex 1 has one neighbor, so that either end can leave the edge's color."""
    turn = ("0: red\n1: red\n2: green\n3: blue", "vertices 0 and 1 are connected and both red")

    after = answer([turn], seed)

    assert sum(a != b for a, b in zip(after, [0, 0, 1, 2], strict=True)) <= 1
    assert after[2:] == [1, 2]


@given(seeds)
def test_where_no_edge_is_named_one_vertex_changes(seed):
    after = answer([("0: red\n1: red\n2: green\n3: blue", "This is wrong.")], seed)

    assert sum(a != b for a, b in zip(after, [0, 0, 1, 2], strict=True)) == 1


def test_first_answers_are_uniform():
    """Of 3,000 colors each comes 1,000 times, give or take 4 standard deviations (26)."""
    drawn = [color for seed in range(750) for color in answer([], seed)]

    assert all(abs(drawn.count(color) - 1000) < 104 for color in range(3))


@pytest.mark.parametrize(
    ("colors", "least", "most"), [((0, 1, 1, 2), 1, 1), ((0, 0, 1, 2), 0.4, 0.6)]
)
def test_a_hasty_judge_overlooks_faults_and_invents_none(colors, least, most):
    """It looks at each edge with probability 1/2: 300 verdicts, 3.5 standard deviations."""
    request = PROMPTS.judge(PATH, PATH.written(colors), 0, "critic", 0)

    said = [propose(request, seed).startswith("Verdict: right") for seed in range(300)]

    assert least <= sum(said) / 300 <= most


def test_it_answers_anew_where_its_last_answer_was_none():
    assert len(answer([("no idea", "This is no coloring of the graph.")], 0)) == 4


def test_repairs_with_named_faults_solve_what_uniform_guesses_seldom_do():
    """Simulated: faults and repairs are both ours. It shows that the text carries them."""
    solved = 0
    for graph in planted(n_instances=20, vertices=(6, 6)).drawn(np.random.default_rng(0)):
        turns = []
        for seed in range(15):
            text = propose(PROMPTS.color(graph, turns, 0, "external_all", 0), seed)
            words = [line.split(": ")[1] for line in text.splitlines()]
            bad = violated([graph.color_names.index(word) for word in words], graph.edges)
            turns = [(text, "; ".join(f"vertices {u} and {v} are both" for u, v in bad))]
            if not bad:
                solved += 1
                break

    assert solved >= 15

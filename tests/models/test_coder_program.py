"""The program in place of AgentCoder's agents: what it answers, in which order, knowing what."""

from __future__ import annotations

from zlib import crc32

import pytest

from iterun.data.code_problems import Case
from iterun.judges.programs import parse_program
from iterun.judges.suites import parse_suite
from iterun.models import coder_prompts
from iterun.models.coder_agents import Agents
from iterun.models.coder_program import Design, Draft, Repair, Traced, mark, propose
from iterun.types import Request

BUG = """def f(x: list[int]) -> int:
    n = 0
    for y in x:
        if y < 2:
            n -= 1
    return n"""
FIXED = BUG.replace("n -= 1", "n += 1")
CASES = tuple(Case(sort, (k,), 2 * k) for k in range(1, 9) for sort in ("basic", "edge"))


def said(payload, seed=0):
    return propose(Request(messages=(), payload=payload), seed)


def repaired(place, tests, tried=frozenset(), seed=0):
    payload = Repair(BUG, "f", order=5, place=place, tests=tests, tried=tried)
    return parse_program(said(payload, seed), "f").strip()


def test_drafts_are_the_bugs_in_one_order():
    bugs = tuple(f"def f(x):\n    return {k}" for k in range(6))

    drafts = [parse_program(said(Draft(bugs, 3, k), seed=k), "f").strip() for k in range(8)]

    assert sorted(drafts[:6]) == sorted(bugs)
    assert drafts[6:] == drafts[:2]  # no more than there are


#: y < 2 in the first and the last: line 5 is executed by failing tests alone
TESTS = (
    Traced("assert f([1]) == 1", passed=False, lines=frozenset({2, 3, 4, 5, 6})),
    Traced("assert f([9]) == 0", passed=True, lines=frozenset({2, 3, 4, 6})),
    Traced("assert f([]) == 0", passed=True, lines=frozenset({2, 3, 6})),
    Traced("assert f([1, 1]) == 2", passed=False, lines=frozenset({2, 3, 4, 5, 6})),
)


def test_lines_that_failing_tests_execute_are_changed_first():
    """Ochiai: line 5 2/sqrt(2*2) = 1, line 4 2/sqrt(2*3) = 0.82, lines 2 and 6 2/sqrt(2*4)."""
    first = [repaired(place, TESTS) for place in range(3)]

    assert FIXED in first  # n += 1, n -= 2, n -= 0: the three changes of line 5
    assert all("n -= 1" not in one for one in first)
    assert all("y < 2" in one and "n = 0" in one for one in first)


def test_what_was_tried_does_not_come_again():
    tried = frozenset(mark(repaired(place, TESTS)) for place in range(3))

    after = [repaired(place, TESTS, tried) for place in range(3)]

    assert not {mark(one) for one in after} & tried


def test_a_guard_comes_first_where_failing_tests_have_nothing_in_common_but_an_empty_argument():
    """Its expected value is the failing test's own; lines are executed by all tests alike."""
    every = frozenset({2, 3, 4, 5, 6})
    tests = (
        Traced("assert f([]) == 7", passed=False, lines=every),
        Traced("assert f([1]) == -1", passed=True, lines=every),
    )

    found = repaired(0, tests), repaired(1, tests)

    assert any("if not x:\n        return 7" in one for one in found)
    assert all("if not x:" in one for one in found)


def test_without_feedback_it_draws_blindly_and_does_not_remember():
    drawn = [repaired(0, None, seed=seed) for seed in range(200)]

    assert FIXED in drawn
    assert len(set(drawn)) < 40 < len(drawn)
    assert drawn == [repaired(0, None, seed=seed) for seed in range(200)]


def test_a_test_without_a_literal_argument_is_no_obstacle():
    odd = Traced("assert sorted(f(k) for k in range(3)) == [0]", False, frozenset({5}))

    assert "n -= 1" not in repaired(0, (odd,))


def test_suites_have_all_sorts_in_turn_and_call_the_function():
    reply = said(Design("f", CASES, accuracy=1.0, n=4))

    assert [line for line in reply.splitlines() if line.startswith("#")] == [
        "# basic", "# edge", "# basic", "# edge",
    ]  # fmt: skip
    for test in parse_suite(reply, "f"):
        exec(test, {"f": lambda x: 2 * x})


@pytest.mark.parametrize(("accuracy", "low", "high"), [(0.0, 0, 0), (0.6, 0.5, 0.7), (1.0, 1, 1)])
def test_as_many_asserts_are_right_as_the_accuracy_says(accuracy, low, high):
    """300 asserts: 0.6 within 3.5 standard deviations of 0.028."""
    right = []
    for seed in range(100):
        for line in said(Design("f", CASES, accuracy, 3), seed).splitlines():
            if line.startswith("assert"):
                try:
                    exec(line, {"f": lambda x: 2 * x})
                    right.append(True)
                except AssertionError:
                    right.append(False)

    assert low <= sum(right) / len(right) <= high


def test_designers_of_other_accuracies_differ_in_what_they_get_wrong_alone():
    good, weak = (said(Design("f", CASES, a, 6), seed=4).splitlines() for a in (0.9, 0.4))

    assert [one.partition(" == ")[0] for one in good] == [two.partition(" == ")[0] for two in weak]
    assert good != weak


def test_other_payloads_are_a_fault_of_the_caller():
    with pytest.raises(TypeError, match="a payload of str"):
        said("hello")


def agents(programmed):
    return Agents(
        candidates=3, temperature=0.7, top_p=0.9, max_tokens=99, programmed=programmed,
        seed_of=lambda name, *key: crc32(repr((name, key)).encode()),
    )  # fmt: skip


class Twice:
    id, entry, prompt = "twice", "f", 'def f(x):\n    """Double."""\n'


def test_a_model_gives_samples_of_one_request_and_sees_no_payload():
    (request,) = agents(programmed=False).draft(Twice, ("def f(x): return 3",))

    assert (request.n, request.payload, request.max_tokens) == (3, None, 99)
    assert "return 3" not in str(request.messages)
    assert request.tag == {"agent": "programmer", "instance": "twice", "arm": "own", "round": 0}


def test_a_program_is_asked_for_one_candidate_at_a_time():
    requests = agents(programmed=True).draft(Twice, ("a", "b"))

    assert [one.n for one in requests] == [1, 1, 1]
    assert [one.payload.place for one in requests] == [0, 1, 2]
    assert len({one.seed for one in requests}) == 3


def test_feedback_stands_below_the_program_that_it_is_of():
    told = coder_prompts.programmer(Twice.prompt, "f")

    seen = coder_prompts.again(told, BUG, "This test failed: ...")
    unread = coder_prompts.again(told, "", "no block")

    assert [one.role for one in seen] == ["system", "user", "assistant", "user"]
    assert BUG in seen[2].content
    assert seen[3].content.startswith("This test failed: ...")
    assert [one.role for one in unread] == ["system", "user"]
    assert "no block" in unread[1].content


def test_the_designer_never_sees_a_program():
    request = agents(programmed=False).design(
        Twice, (), asserts=5, accuracy=0.9, n=2, designer="", i=0
    )

    told = str(request.messages)
    assert "assert f(...) == ..." in told
    assert "Write 5 test cases" in told
    assert request.n == 2

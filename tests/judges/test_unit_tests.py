"""Programs in the sandbox: verdicts by suite, lines followed, hidden tests compared outside."""

from __future__ import annotations

import math

import pytest

from iterun.data.code_problems import CodeProblem, embedded
from iterun.judges.coding import MOST, Trial, failure
from iterun.judges.executor import Executor
from iterun.judges.exercises import EACH, Exercise, prepare
from iterun.judges.hidden_tests import Hidden, Verdicts, agrees, failing_mutants, hidden_tests
from iterun.judges.sandbox import open_sandbox
from iterun.judges.unit_tests import Bench
from iterun.ops.mutants import mutants

ADD = "def f(x, y):\n    return x + y\n"
SIGN = "def f(x):\n    if x < 0:\n        return -1\n    return 1\n"
SUITES = (("assert f(1, 2) == 3", "assert f(0, 0) == 0"), (), ("assert f(2, 2) == 5",))


@pytest.fixture(scope="module")
def bench():
    return Bench(open_sandbox(timeout=20), 20.0, lambda items, label: iter(items))


def problem(**changes):
    given = {"id": "p", "entry": "f", "prompt": "def f(x, y): ...", "solution": ADD}
    return CodeProblem(**{**given, "inputs": ((1, 2), (3, 4)), **changes})


def test_each_suite_has_its_own_verdicts(bench):
    (trial,) = bench.trials([(ADD, SUITES)])

    assert trial.passed == ((True, True), (), (False,))
    assert trial.n_passed == 1  # a suite that nobody wrote is not passed
    assert trial.status == "fail"
    assert trial.failing == "assert f(2, 2) == 5"
    assert trial.error.startswith("AssertionError")


def test_what_was_tried_is_not_run_again(bench):
    since = bench.seconds
    first = bench.trials([(ADD, SUITES), (ADD, SUITES)])
    after = bench.seconds

    assert first[0] is first[1]
    assert bench.trials([(ADD, SUITES)]) == first[:1]
    assert bench.seconds == after >= since


@pytest.mark.parametrize(
    ("rule", "enough", "accepted"),
    [("suites", 1, True), ("suites", 2, False), ("all_tests", 1, False)],
)
def test_a_program_is_accepted_by_suites_or_by_all_tests(rule, enough, accepted):
    trial = Trial(suites=SUITES, passed=((True, True), (), (False,)), status="fail")

    assert trial.accepted(rule, enough) is accepted


def test_all_tests_accepts_what_passes_all_that_is_written():
    passed = Trial(suites=SUITES, passed=((True, True), (), (True,)), status="pass")
    nothing = Trial(suites=((), ()), passed=((), ()), status="pass")

    assert passed.accepted("all_tests", 3)
    assert not nothing.accepted("all_tests", 0)


def test_feedback_is_the_assert_and_the_last_line_within_its_limit():
    assert failure("assert f(1) == 2", "Trace\nValueError: no") == (
        "This test failed:\nassert f(1) == 2\nValueError: no"
    )
    long = failure(f"assert f({list(range(500))}) == 2", "ValueError: no")
    assert len(long) == MOST
    assert long.endswith("ValueError: no")
    assert len(failure("assert f(1)", "E: " + "x" * 900)) == MOST


def test_lines_are_followed_by_assert(bench):
    tests = ("assert f(-2) == -1", "assert f(3) == 2", "assert f(None) == 1")
    (((lines, outcomes),),) = bench.traces([([SIGN], tests)])

    assert lines == (2, 3, 4)
    assert [(one.passed, one.lines) for one in outcomes] == [
        (True, (2, 3)), (False, (2, 4)), (False, (2,)),
    ]  # fmt: skip


def test_lines_below_a_preamble_are_those_of_the_program_alone(bench):
    """The helper's lines are left out; those of the program are as they are without a preamble."""
    above = "import math\n\ndef helper(x):\n    return math.floor(x)"
    code = "def f(x):\n    if helper(x) < 0:\n        return -1\n    return 1\n"
    exercise = Exercise(
        problem=problem(preamble=above), hidden=Hidden(entry="f"), mutants=(), cases=()
    )

    (outcomes,) = Executor(bench, "suites", 1).followed(
        [(exercise, code, ("assert f(-2) == -1", "assert f(3) == 2"))]
    )

    assert [(one.passed, one.lines) for one in outcomes] == [(True, (2, 3)), (False, (2, 4))]


def test_a_loop_without_end_has_failed_after_so_many_lines(bench):
    endless = "def f(x):\n    while x:\n        try:\n            x\n        except Exception: x\n"

    (((_, outcomes),),) = bench.traces([([endless], ("assert f(1)", "assert f(0) is None"))])

    assert [one.passed for one in outcomes] == [False, True]


@pytest.mark.parametrize(
    ("value", "expected", "is_equal"),
    [
        (1, 1.0, True), (True, 1, True), (1.0, 1.0 + 1e-9, True), (1.0, 1.001, False),
        (math.nan, math.nan, True), (math.nan, 1.0, False), (math.inf, math.inf, True),
        (10**400, 1.0, False), ([1.0, (2,)], [1.0 + 1e-9, (2,)], True), ([1], (1,), False),
        ({"a": 1.0}, {"a": 1.0 + 1e-9}, True), ({"a": 1}, {"b": 1}, False), ({1, 2}, {2, 1}, True),
        ("1", 1.0, False), (None, None, True), (None, 0, False), ([], [0], False),
    ],
)  # fmt: skip
def test_results_are_equal_as_python_has_it_and_floats_nearly(value, expected, is_equal):
    assert agrees(value, expected) is is_equal


def test_hidden_tests_are_the_references_results(bench):
    (tests,) = hidden_tests([problem()], bench)

    assert tests.outputs == (3, 7)
    right, wrong, cheat = Verdicts(bench).passes([
        (tests, ADD),
        (tests, "def f(x, y):\n    return x * y"),
        (tests, "class A(int):\n    def __eq__(s, o): return True\ndef f(x, y): return A()"),
    ])  # fmt: skip
    assert (right, wrong, cheat) == (True, False, False)


def test_inputs_are_taken_from_tests_that_only_compare(bench):
    checks = "def check(c):\n    for k in range(3):\n        assert c(k, [k]) == [k, k]\n"
    solution = "def f(x, y):\n    y.append(x)\n    return y\n"

    (tests,) = hidden_tests([problem(solution=solution, checks=checks, inputs=())], bench)

    assert tests.inputs == ((0, [0]), (1, [1]), (2, [2]))  # as they were before the call
    assert tests.outputs == ([0, 0], [1, 1], [2, 2])
    assert not tests.checks


def test_tests_that_look_for_any_answer_stay_a_program(bench):
    checks = "def check(c):\n    assert c(1, 2) in (3, 30)\n"
    (tests,) = hidden_tests([problem(checks=checks, by_value=False)], bench)

    right, other, wrong = Verdicts(bench).passes([
        (tests, ADD), (tests, "def f(x, y): return 30"), (tests, "def f(x, y): return 4"),
    ])  # fmt: skip
    assert tests.checks
    assert (right, other, wrong) == (True, True, False)


def test_a_reference_that_fails_is_told(bench):
    none = hidden_tests([problem(solution="def f(x, y):\n    return x / 0\n")], bench)
    checked = hidden_tests(
        [problem(checks="def check(c):\n    assert c(1, 2) == 4", by_value=False)], bench
    )

    assert none == ["its reference ends in fail"]
    assert "assert" in checked[0].lower()


@pytest.fixture(scope="module")
def ready(bench):
    """All problems of the package, made ready."""
    problems = [*embedded().test, *embedded(split="dev").test]
    found, refused = prepare(
        problems, bench, n_mutants=8, for_program=True, seed_of=lambda name, id: len(name + id)
    )
    assert not refused
    return found


def test_every_reference_passes_its_hidden_tests(ready, bench):
    verdicts = Verdicts(bench).passes([(one.hidden, one.problem.solution) for one in ready])

    assert len(verdicts) == 16
    assert all(verdicts)


@pytest.mark.slow
def test_every_mutant_that_comes_with_a_problem_fails_them(ready, bench):
    jobs = [(one.hidden, code) for one in ready for code in one.mutants]

    assert len(jobs) >= 7 * 16
    assert not any(Verdicts(bench).passes(jobs))


@pytest.mark.slow
def test_mutants_that_pass_do_what_the_reference_does_in_other_cases_too(ready, bench):
    """Of all first-order mutants; the cases are drawn from the visible examples."""
    changed = [[it.source for it in mutants(r.problem.solution, r.problem.entry)] for r in ready]
    failing = failing_mutants(list(zip([r.hidden for r in ready], changed, strict=True)), bench)
    alive = [[c for c in all_of_it if c not in some]
             for all_of_it, some in zip(changed, failing, strict=True)]  # fmt: skip
    others = [
        Hidden(
            entry=one.problem.entry,
            inputs=tuple(case.arguments for case in one.cases),
            outputs=tuple(case.result for case in one.cases),
        )
        for one in ready
    ]

    found = failing_mutants(list(zip(others, alive, strict=True)), bench)

    assert 10 <= sum(map(len, alive)) <= 0.08 * sum(map(len, changed))
    assert [one for some in found for one in some] == []


def test_cases_are_of_all_sorts_and_drawn_from_the_seed(ready, bench):
    sorts = [case.sort for case in ready[0].cases]

    assert {sort: sorts.count(sort) for sort in sorts} == {
        "basic": EACH, "edge": EACH, "large-scale": EACH,
    }  # fmt: skip
    again, _ = prepare(
        [ready[0].problem], bench, n_mutants=8, for_program=True,
        seed_of=lambda name, id: len(name + id),
    )  # fmt: skip
    assert again[0].cases == ready[0].cases
    assert again[0].mutants == ready[0].mutants

"""refine/agentcoder: who is told what, what is accepted, what counts; resumed = uninterrupted."""

from __future__ import annotations

import pytest
from coder_runs import fenced, metrics, problems, rows, run, says, scripted, suite_of
from PIL import Image
from task_runs import EVERY_CHECKPOINT, artifacts, go_on_from, story

from iterun.cli.transcript import open_failures
from iterun.errors import ConfigError
from iterun.judges.hidden_tests import Verdicts, hidden_tests
from iterun.judges.sandbox import open_sandbox
from iterun.judges.unit_tests import Bench
from iterun.launch.fork import prepare
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow  # whole runs, small ones

ARMS = ("", "_none", "_weak_tests")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run of all arms with all its checkpoints."""
    return run(tmp_path_factory.mktemp("whole") / "run", *EVERY_CHECKPOINT)


def test_what_counts_is_what_the_delivered_programs_do(whole):
    bench = Bench(open_sandbox(timeout=20), 20.0, lambda items, label: iter(items))
    tests = hidden_tests(problems(), bench)
    folder = whole.directory / "artifacts/programs"

    right = Verdicts(bench).passes(
        [(t, (folder / f"{p.id}.py").read_text()) for t, p in zip(tests, problems(), strict=True)]
    )

    last = metrics(whole)[-1]
    assert last["pass@1"] == last["solved_frac"] == pytest.approx(sum(right) / 2)
    assert last["solved"] == sum(right)
    by_arm = whole.summary.result["solved_ci"]
    assert by_arm.keys() == {"own", "none", "weak_tests"}
    assert by_arm["own"] == whole.summary.result["pass@1_ci"]
    for arm in ARMS:
        low, high = by_arm[arm[1:] or "own"]
        assert low - 1e-12 <= last[f"pass@1{arm}"] <= high + 1e-12


def test_what_stays_unsolved_is_what_the_metrics_count(whole):
    found = open_failures(rows(whole, "transcript.jsonl"))

    for arm in ARMS:
        unsolved = sum(row["arm"] == (arm[1:] or "own") for row in found)
        assert unsolved == 2 - 2 * metrics(whole)[-1][f"pass@1{arm}"]


def test_a_false_accept_stays_unsolved_and_a_right_program_does_not(tmp_path):
    """The first problem's tests let a wrong program through; those of the second, none."""
    first, second = problems()
    lines = scripted(
        tmp_path,
        [
            says("programmer", first, fenced(f"def {first.entry}(*x):\n    return 'no'")),
            says("programmer", second, fenced(second.solution)),
            says("designer", first, fenced(f"assert {first.entry}() == 'no'")),
            says("designer", second, fenced(f"assert {second.entry}() == 'no'")),
        ],
    )

    view = run(tmp_path / "run", *lines, "task.rounds=1")

    last = metrics(view)[-1]
    assert (last["pass@1"], last["pass_own"], last["false_accepts"]) == (0.5, 0.5, 1)
    found = open_failures(rows(view, "transcript.jsonl"))
    assert [(row["instance"], row["arm"], row["last"]) for row in found] == [
        (first.id, arm, "passes its tests") for arm in ("own", "none")
    ]


@pytest.mark.parametrize("arm", ARMS)
def test_arms_begin_with_the_same_draft_and_never_lose_suites(arm, whole):
    first, *others = metrics(whole)

    assert first[f"tried{arm}"] == first["tried"] == 2 * 3
    assert first[f"pass@1{arm}"] == 0  # a draft is a mutant, which fails the hidden tests
    for before, after in zip([first, *others], others, strict=False):
        assert after[f"tried{arm}"] - before[f"tried{arm}"] <= 2 * 3
        assert after[f"pass_own{arm}"] >= before[f"pass_own{arm}"]
        assert after[f"rounds_used{arm}"] >= before[f"rounds_used{arm}"]


def test_every_execution_has_its_program_and_each_program_was_said(whole):
    """Programs of the draft stand once, under the run's own arm."""
    programs = {
        (r["i"], r["arm"], r["instance"], r["sample"]): r["text"]
        for r in rows(whole, "programs.jsonl")
    }
    said = {
        reply["parsed"]
        for row in rows(whole, "transcript.jsonl")
        for reply in row["replies"]
        if row["agent"] == "programmer"
    }

    for row in rows(whole, "executions.jsonl"):
        arm = row["arm"] if row["i"] else "own"
        assert programs[row["i"], arm, row["instance"], row["sample"]] in said
        assert row["suites_passed"] == sum(set(suite) == {"+"} for suite in row["passed"])


def test_only_what_has_failed_is_told_and_only_to_the_arm_that_is_told(whole):
    asked = [row for row in rows(whole, "transcript.jsonl") if row["agent"] == "programmer"]

    for row in asked:
        roles = [message["role"] for message in row["messages"]]
        if row["i"] == 0 or row["arm"] == "none":
            assert roles == ["system", "user"]
        else:
            assert roles == ["system", "user", "assistant", "user"]
            assert "This test failed:\nassert" in row["messages"][3]["content"]
    assert {row["arm"] for row in asked if row["i"]} == {"own", "none", "weak_tests"}


def test_hidden_results_are_told_to_nobody(whole):
    """The last hidden input of each problem is in no message."""
    text = str([row["messages"] for row in rows(whole, "transcript.jsonl")])

    for problem in problems():
        assert f"{problem.entry}({', '.join(map(repr, problem.inputs[-1]))})" not in text


def test_tests_are_measured_and_a_weaker_designer_is_seen_to_be(whole):
    for found in metrics(whole):
        assert 0 < found["test_accuracy_weak_tests"] < found["test_accuracy"] <= 1
        assert 0.5 < found["coverage"] <= 1
        assert 0.5 < found["mutants_killed"] <= 1


def test_a_program_says_that_it_is_one(whole):
    assert whole.summary.result["simulated"]
    assert {row["kind"] for row in rows(whole, "transcript.jsonl")} == {"program"}
    assert whole.summary.parameters["model_kind"] == "program"
    assert whole.summary.parameters["sandbox_level"] in ("bwrap", "unshare", "rlimits")


def test_there_is_a_picture_and_a_difference_for_each_change(whole):
    with Image.open(whole.directory / "artifacts/pass.png") as picture:
        assert picture.width > 400
    changes = [text for name, text in artifacts(whole).items() if name.endswith("changes.patch")]
    assert changes
    assert all(b"--- a/" in text and b"+++ b/" in text for text in changes)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("i", [0, 2])
def test_resumed_equals_uninterrupted(i, whole, tmp_path):
    resumed = go_on_from(whole, i, tmp_path / "resumed")

    assert story(resumed) == story(whole)
    # No doubled rows; how long a call took is no part of the promise.
    for name in ("programs.jsonl", "executions.jsonl", "suites.jsonl"):
        assert rows(resumed, name) == rows(whole, name)
    assert without_seconds(resumed) == without_seconds(whole)


@pytest.mark.long
@pytest.mark.slow
def test_a_fork_goes_on_as_its_parent_or_by_another_rule(whole, tmp_path):
    ends = []
    for words in ([], ["task.accept_rule=all_tests"]):
        ready = prepare(whole.directory, words, outputs=tmp_path, iteration=1, argv=[])
        ends.append(story(RunView(ready.begin(lambda mode: lambda event: None).directory)))

    assert ends[0] == story(whole)
    assert ends[1][:2] == story(whole)[:2]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("task.limit=1", "task.limit=1: the state is of 2 other problems"),
        ("task.arms=[]", r"task.arms=\[\]: the state is of other arms"),
        ("task.suites=4", "task.suites=4: the state is of 3 suites of a problem"),
        ("data.split=dev", "data=code-problems: the state is of another set of problems"),
    ],
)
def test_a_fork_to_other_problems_arms_or_suites_is_refused(word, told, whole, tmp_path):
    ready = prepare(whole.directory, [word], outputs=tmp_path, iteration=1, argv=[])

    with pytest.raises(ConfigError, match=told):
        ready.begin(lambda mode: lambda event: None)


def without_seconds(view):
    return [
        {k: v for k, v in row.items() if k != "seconds"} for row in rows(view, "transcript.jsonl")
    ]


def test_reference_solutions_pass_at_once_and_end_the_run(tmp_path):
    said = [says("programmer", p, fenced(p.solution)) for p in problems()]
    view = run(tmp_path / "run", *scripted(tmp_path, [*said, *map(suite_of, problems())]))

    (only,) = metrics(view)
    assert only["pass@1"] == only["pass_own"] == only["test_accuracy"] == 1
    assert only["false_accepts"] == only["open"] == only["parse_fail"] == 0
    assert view.status.reason == "all accepted"
    assert "simulated" not in view.summary.result


def test_an_answer_that_is_mended_is_accepted_a_round_later(tmp_path):
    """The program fails the designer's tests; told so, the model gives the solution."""
    wrong = [
        says("programmer", p, fenced(f"def {p.entry}(*x):\n    return 'no'"), times=2)
        for p in problems(1)
    ]
    right = [
        {
            "agent": "programmer",
            "match": "This test failed",
            "reply": fenced(p.solution),
            "times": None,
        }
        for p in problems(1)
    ]
    blind = [says("programmer", p, "I don't know.") for p in problems(1)]
    lines = scripted(tmp_path, [*wrong, *right, *blind, *map(suite_of, problems(1))])

    view = run(tmp_path / "run", *lines, "task.limit=1")

    found = metrics(view)
    assert [one["pass@1"] for one in found] == [0, 1, 1, 1]
    assert [one["rounds_used"] for one in found] == [0, 1, 1, 1]
    assert found[-1]["pass@1_none"] == 0
    assert found[-1]["rounds_used_none"] == 3
    assert found[-1]["tried"] == 2 + 3
    assert found[-1]["tried_none"] == 2  # what can't be read is no program


def test_a_reply_without_a_program_is_told_so_and_keeps_the_last_one(tmp_path):
    (problem,) = problems(1)
    lines = scripted(
        tmp_path,
        [
            says("programmer", problem, "Let me think.", times=2),
            {"agent": "programmer", "match": "no ```python block", "times": None,
             "reply": fenced(f"def {problem.entry}(*x):\n    return 'no'")},
            {"agent": "programmer", "match": "This test failed", "reply": "Sorry.", "times": None},
            says("programmer", problem, "Hm."),
            suite_of(problem),
        ],
    )  # fmt: skip

    view = run(tmp_path / "run", *lines, "task.limit=1")

    assert [one["parse_fail"] for one in metrics(view)] == [3, 0, 3, 3]
    assert (view.directory / f"artifacts/programs/{problem.id}.py").read_text().endswith("'no'\n")
    assert [
        r["status"] for r in rows(view, "executions.jsonl") if r["arm"] == "own" and r["i"] != 1
    ] == (["unreadable"] * 9)


def test_suites_that_were_not_written_are_asked_for_again(tmp_path):
    (problem,) = problems(1)
    lines = scripted(
        tmp_path,
        [
            says("designer", problem, "What function?", times=2),
            suite_of(problem),
            says("programmer", problem, fenced(problem.solution)),
        ],
    )

    view = run(tmp_path / "run", *lines, "task.limit=1", "task.accept=3")

    found = metrics(view)
    assert [one["pass_own"] for one in found] == [0, 1]
    assert [one["pass@1"] for one in found] == [1, 1]
    assert [one["parse_fail"] for one in found] == [2, 0]


def test_all_tests_is_stricter_than_suites(tmp_path):
    """Of three suites one is wrong: two of three accept, all tests don't."""
    (problem,) = problems(1)
    wrong = says("designer", problem, fenced(f"assert {problem.entry}([], 1) == 'x'"), times=1)
    said = [wrong, suite_of(problem), says("programmer", problem, fenced(problem.solution))]

    for rule, accept, accepted in (("suites", 2, 1), ("all_tests", 9, 0)):  # the 9 is not read
        lines = [*scripted(tmp_path, said), f"task.accept_rule={rule}", f"task.accept={accept}"]
        view = run(tmp_path / rule, *lines, "task.limit=1")

        assert metrics(view)[-1]["pass_own"] == accepted
        assert metrics(view)[-1]["pass@1"] == 1
        assert 0 < metrics(view)[-1]["test_accuracy"] < 1


def test_a_model_has_no_arm_whose_errors_are_set(tmp_path):
    (problem,) = problems(1)
    said = [suite_of(problem), says("programmer", problem, fenced(problem.solution))]
    lines = [*scripted(tmp_path, said)[:2], "task.arms=[weak_tests]", "task.limit=1"]

    view = run(tmp_path / "run", *lines)

    assert not [name for name in metrics(view)[0] if name.endswith("weak_tests")]
    assert "no arm weak_tests" in (view.directory / "log.txt").read_text()

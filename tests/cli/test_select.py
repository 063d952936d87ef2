"""Choosing on tuning seeds, evaluating on fresh ones, and showing both apart."""

import json
import statistics

import pytest

from iterun.store import selections

NOISY = ("task=mine/noisy", "task.y=0.01", "task.noise=0.2", "task.steps=2")


@pytest.fixture
def tuned(runs):
    """Three settings with two seeds each; sparsity=0.6 is best."""
    for sparsity, values in ((0.5, (30.0, 28.0)), (0.6, (25.0, 26.0)), (0.7, (27.0, 29.0))):
        for seed, ppl in enumerate(values, 1):
            runs(
                f"{seed}{sparsity:.1f}".replace(".", "aaaaa"),
                seed=seed, ppl=[40.0, ppl], signature=f"s{sparsity}",
                parameters={"sparsity": sparsity},
                command=["iterun", "task=prune/perp", f"task.sparsity={sparsity}", f"seed={seed}"],
            )  # fmt: skip
    return runs


@pytest.fixture
def noisy(own):
    """The beginning of a line that runs the noisy system of a user's own."""
    return [*own[:2], *NOISY]


def test_a_dry_run_shows_the_choice_and_the_line(tuned, iterun):
    answer = iterun("select", "task=prune/perp", "--dry-run", "--seeds", "2")

    assert "chosen: sparsity=0.6  of 3 settings by ppl (min), seeds 1, 2" in answer.err
    assert answer.lines == [
        "iterun -m task=prune/perp task.sparsity=0.6 seed=1000,1001 'tags=[evaluation]' "
        "on_existing=resume"
    ]


def test_top_and_baseline_are_evaluated_too(tuned, iterun):
    answer = iterun(
        "select", "task=prune/perp", "--dry-run", "--top", "2", "--baseline", "sparsity=0.5"
    )

    assert [line.split()[3] for line in answer.lines] == [
        "task.sparsity=0.6", "task.sparsity=0.7", "task.sparsity=0.5",
    ]  # fmt: skip


def test_changes_of_the_evaluation_take_the_place_of_what_was_typed(tuned, iterun):
    answer = iterun(
        "select", "task=prune/perp", "--dry-run", "--eval", "data=ptb", "--eval", "seed=7,9",
        "--eval", "task.sparsity=0.65",
    )  # fmt: skip

    [line] = answer.lines
    assert "sparsity=0.6 " not in line
    assert "data=ptb task.sparsity=0.65 seed=7,9" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--eval", "seed=2,9"], "seed=2,9: 2 had a part in the choice"),
        (["--eval", "seed=two"], "is no list of seeds"),
        (["--eval", "data"], "--eval data is no setting"),
        (["--seeds", "0"], "evaluates nothing"),
        (["--top", "0"], "chooses nothing"),
        (["--baseline", "sparsity>0"], "3 settings fit, and one is needed"),
        (["--baseline", "sparsity=0.6"], "is the best setting itself"),
        (["--metric", "tokens"], "is less better, or more"),
    ],
)
def test_what_would_be_unfair_or_unclear_is_refused(tuned, iterun, words, message):
    answer = iterun("select", "task=prune/perp", "--dry-run", *words)

    assert (answer.status, answer.out) == (2, "")
    assert message in answer.err


def test_unfinished_runs_are_refused_and_can_be_left_out_on_purpose(tuned, iterun):
    tuned("zzzzzzzz", state="interrupted", signature="s0.8", parameters={"sparsity": 0.8})

    refused = iterun("select", "task=prune/perp", "--dry-run")
    chosen = iterun("select", "task=prune/perp", "status=completed", "--dry-run")

    assert refused.status == 2
    assert "1 of 7 runs are not finished (zzzzzzzz)" in refused.err
    assert chosen.status == 0


def test_settings_without_all_seeds_are_named(tuned, iterun):
    tuned("zzzzzzzz", ppl=[40.0, 1.0], signature="s0.8", parameters={"sparsity": 0.8})

    answer = iterun("select", "task=prune/perp", "--dry-run")

    assert "left out: sparsity=0.8 (without seed 2)" in answer.err
    assert "warning: sparsity=0.8 is better on those of its seeds that are done" in answer.err


def test_many_settings_that_are_left_out_are_counted_by_reason(tuned, iterun):
    for n in range(3):
        tuned(f"zzzzzzz{n}", signature=f"s{n}", parameters={"sparsity": 0.1 * n}, state="failed")

    answer = iterun("select", "task=prune/perp", "--dry-run")

    assert "left out: 3 settings: 3 failed" in answer.err


@pytest.mark.slow  # several runs
def test_an_evaluation_that_cannot_begin_leaves_nothing(noisy, iterun, tmp_path):
    iterun("-m", *noisy, "task.x=0.2,0.3")
    before = len(list((tmp_path / "outputs" / ".sweeps").iterdir()))

    answer = iterun("select", "task=mine/noisy", "--eval", "data=nothing")

    assert answer.status == 2
    assert "data=nothing: there is no such data set" in answer.err
    assert len(list((tmp_path / "outputs" / ".sweeps").iterdir())) == before


def test_select_needs_to_be_told_among_what(iterun):
    answer = iterun("select")

    assert answer.status == 2
    assert "select needs the runs to choose among" in answer.err


@pytest.mark.slow  # several runs
def test_an_evaluation_is_run_shown_apart_and_not_repeated(noisy, iterun, tmp_path):
    iterun("-m", *noisy, "task.x=0.2,0.3,0.9", "seed=1,2")

    words = ["select", "task=mine/noisy", "--baseline", "x=0.9", "--seeds", "3"]
    first = iterun(*words)
    second = iterun(*words)

    assert first.status == second.status == 0
    assert first.out == second.out
    assert "tuning (chosen on)" in first.lines[0]
    assert "evaluation" in first.lines[0]
    assert "on 3 fresh seeds" in second.err
    assert len(list((tmp_path / "outputs").glob("mine/noisy/*/run.json"))) == 6 + 6


def test_evaluation_runs_are_marked_and_never_chosen_from(noisy, iterun, tmp_path):
    iterun("-m", *noisy, "task.x=0.2", "seed=1,2")
    iterun("select", "task=mine/noisy", "--seeds", "2")

    found = json.loads(iterun("ls", "tag=evaluation", "--json").out)
    again = iterun("select", "task=mine/noisy", "--seeds", "2", "--json")

    assert sorted(row["seed"] for row in found) == [1000, 1001]
    assert "left out: 2 evaluation runs" in again.err
    assert json.loads(again.out)["evaluation_seeds"] == [1000, 1001]


@pytest.mark.slow  # several runs
def test_the_record_says_what_the_setting_was_chosen_by(noisy, iterun, tmp_path):
    iterun("-m", *noisy, "task.x=0.2,0.3", "seed=1,2")
    [sweep] = (tmp_path / "outputs" / ".sweeps").iterdir()

    iterun("select", f"sweep={sweep.name}", "--seeds", "2")

    [path] = (tmp_path / "outputs" / ".sweeps").glob("*/select.json")
    record = selections.read(path.parent)
    assert (record.role, record.rank, record.among) == ("chosen", 1, 2)
    assert (record.tuning_seeds, record.seeds) == ([1, 2], [1000, 1001])
    assert record.tuning_sweeps == [sweep.name]
    assert len(record.tuning_runs) == len(selections.runs(path.parent)) == 2


@pytest.mark.slow  # several runs
def test_markdown_and_json_hold_the_same_table(noisy, iterun):
    iterun("-m", *noisy, "task.x=0.2,0.3", "seed=1,2")

    table = iterun("select", "task=mine/noisy", "--seeds", "2", "--md")
    [setting] = json.loads(iterun("select", "task=mine/noisy", "--seeds", "2", "--json").out)[
        "settings"
    ]

    assert table.lines[0].startswith("| setting | tuning (chosen on) |")
    assert set(table.lines[1]) <= set("|-: ")
    drop = setting["evaluation"]["mean"] - setting["tuning"]["mean"]
    assert setting["drop"] == pytest.approx(drop)


@pytest.mark.slow  # 100 runs
def test_luck_is_in_the_score_a_setting_was_chosen_by_and_not_in_its_evaluation(noisy, iterun):
    """Eight settings whose truth differs by 0.01 at most, under noise of 0.2; five sweeps."""
    tuning, evaluation = [], []
    for start in (10, 20, 30, 40, 50):
        iterun("-m", *noisy, "task.x=range(0.21,0.37,0.02)", f"seed={start},{start + 1}",
               f"tags=[s{start}]")  # fmt: skip
        answer = iterun("select", f"tag=s{start}", "--seeds", "4", "--json")
        [setting] = json.loads(answer.out)["settings"]
        tuning.append(setting["tuning"]["mean"])
        evaluation.append(setting["evaluation"]["mean"])

    assert statistics.mean(tuning) < -0.1  # the truth is between 0 and 0.01
    assert abs(statistics.mean(evaluation)) < 2.6 * 0.2 / 20**0.5
    assert statistics.mean(evaluation) > statistics.mean(tuning) + 0.05

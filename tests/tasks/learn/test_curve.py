"""learn/curve: what a run leaves, and resumed, interrupted and forked = uninterrupted."""

from __future__ import annotations

import csv

import pytest
from curve_runs import RUNS, run
from PIL import Image
from task_runs import Leaving, artifacts, go_on_from, once_each, story, taken_up

from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.ops.learning_curve import fit
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow  # whole runs, small ones
LEARNERS = ("", "_mft", "_hmm", "_logistic")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return once_each(run, tmp_path_factory.mktemp("whole"))


def table(view, name):
    with (view.directory / "artifacts" / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", RUNS)
def test_resumed_equals_uninterrupted(name, whole, tmp_path):
    view = whole(name)

    again = go_on_from(view, 4, tmp_path / "again")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)
    assert again.summary.result == view.summary.result


@pytest.mark.parametrize("n", [6, 19])
def test_interrupted_inside_a_level_it_goes_on_with_the_learners_that_are_left(n, whole, tmp_path):
    view = run(tmp_path / "parts", "text", "checkpoint.share=null", listener=Leaving(n))
    assert view.status.state == "interrupted"
    assert len(view.iterations()) < 6

    parts = taken_up(tmp_path / "parts")
    assert story(parts) == story(whole("text"))
    assert artifacts(parts) == artifacts(whole("text"))


def test_a_fork_with_other_learners_is_refused(whole, tmp_path):
    ready = prepare(
        whole("text").directory, ["task.compare=[mft]"], outputs=tmp_path, iteration=2, argv=[]
    )

    with pytest.raises(ConfigError, match="has the learners perceptron, mft, hmm, logistic"):
        ready.begin(lambda mode: lambda event: None)


def forked(view, tmp_path, *words):
    """Branches off after the third level."""
    return prepare(view.directory, words, outputs=tmp_path, iteration=3, argv=[]).begin(
        lambda mode: lambda event: None
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.slice=150"], "task.slice=150 task.max_words=1200: .* are of levels of 212, 409,"),
        (["task.kernel=100"], "task.kernel=100 task.slice=200 .* are of levels of 212, 409,"),
        (["task.test_words=300"], "task.test_words=300 task.max_words=1200: .* another test set"),
        (["task.max_words=2400"], "task.test_words=600 task.max_words=2400: .* another test set"),
        (["task.folds=2"], "task.folds=2: the accuracies so far are of task.folds=1"),
        (["data.seed=1"], "data=: the accuracies so far are of other data"),
        (["task.learner=hmm"], "task.learner=hmm: the metrics so far are of perceptron"),
    ],
)
def test_a_fork_with_other_levels_or_another_learner_is_refused(words, said, whole, tmp_path):
    with pytest.raises(ConfigError, match=said) as refused:
        forked(whole("text"), tmp_path, *words)

    assert refused.value.hint


def test_a_fork_may_go_further_and_forecast_otherwise(whole, tmp_path):
    view = whole("digits")

    fork = RunView(forked(view, tmp_path, "task.max_words=400", "task.nu=0.1").directory)

    assert [m["words"] for _, m, _ in story(fork)] == [50 * k for k in range(1, 9)]
    assert [m["accuracy"] for _, m, _ in story(fork)[:6]] == [
        m["accuracy"] for _, m, _ in story(view)
    ]


def test_every_level_tells_words_and_all_learners(whole):
    rows = [metrics for _, metrics, _ in story(whole("text"))]

    words = [row["words"] for row in rows]
    assert len(words) == 6
    assert all(0 <= one - 200 * (k + 1) < 40 for k, one in enumerate(words[:-1]))
    for row in rows:
        assert all(0 < row[f"accuracy{suffix}"] < 1 for suffix in LEARNERS)
    for row in rows[2:]:
        assert all(0 < row[f"forecast_full{suffix}"] <= 1 for suffix in LEARNERS)


def test_a_level_is_fitted_to_all_before_it(whole):
    rows = [metrics for _, metrics, _ in story(whole("text"))]

    law = fit([row["words"] for row in rows], [row["accuracy"] for row in rows])
    assert (rows[-1]["a"], rows[-1]["b"], rows[-1]["c"]) == (law.a, law.b, law.c)


def test_forecasts_are_provisional_until_the_prediction_level(whole):
    labels = [labels for _, _, labels in story(whole("text"))]

    assert labels[:2] == [{}, {}]
    assert all(one == {"forecast": "provisional"} for one in labels[2:])


def test_costs_are_told_apart_from_metrics(whole):
    first, *_ = whole("text").iterations()

    assert {f"seconds{suffix}" for suffix in LEARNERS} <= set(first.cost)


def test_the_tables_hold_what_was_observed_fitted_and_decided(whole):
    view = whole("text")
    last = story(view)[-1][1]

    observed, traced = table(view, "observations.csv"), table(view, "trace.csv")
    assert len(observed) == 24
    assert float(observed[5]["x"]) == last["words"]
    assert float(observed[5]["y"]) == last["accuracy"]
    assert [row["level"] for row in traced[:4]] == ["3", "4", "5", "6"]
    assert traced[0]["layer"] == ""
    assert float(traced[3]["layer"]) == last["layer"]
    decided = table(view, "decision.csv")
    assert sorted(row["learner"] for row in decided) == ["hmm", "logistic", "mft", "perceptron"]
    assert [float(row["forecast"]) for row in decided] == sorted(
        (float(row["forecast"]) for row in decided), reverse=True
    )
    own = next(row for row in decided if row["learner"] == "perceptron")
    assert float(own["error"]) == view.summary.result["error_half"]


def test_every_picture_is_there(whole):
    for name in RUNS:
        assert {"curve.png", "learners.png"} <= set(artifacts(whole(name)))
        with Image.open(whole(name).directory / "artifacts" / "curve.png") as picture:
            assert picture.size == (840, 480)


def test_folds_are_averaged_and_their_spread_is_told(whole):
    view = whole("folds")
    rows = [metrics for _, metrics, _ in story(view)]

    assert all(row["accuracy_std"] > 0 for row in rows)
    assert "accuracy_std_mft" in rows[0]
    first = table(view, "observations.csv")[0]
    folds = [float(first[f"fold_{k}"]) for k in range(2)]
    assert folds[0] != folds[1]
    assert float(first["y"]) == pytest.approx(sum(folds) / 2)


def test_the_words_that_a_target_takes_are_told(whole):
    rows = [metrics for _, metrics, _ in story(whole("folds"))]

    found = [(row, row["words_needed"]) for row in rows if "words_needed" in row]
    assert found
    for row, words in found:
        assert row["c"] - row["a"] * words ** -row["b"] == pytest.approx(0.8)


def test_learners_of_pictures_have_the_class_for_a_name(whole):
    last = story(whole("digits"))[-1][1]

    assert last["words"] == 300
    assert last["accuracy"] > 0.8
    assert last["accuracy_GaussianNB"] > 0.6


def test_a_run_cut_short_says_what_it_forecasts(tmp_path):
    view = run(tmp_path / "run", "text", "stop.iterations=4", "task.compare=[mft]")

    decided = table(view, "decision.csv")
    assert {row["levels"] for row in decided} == {"4"}
    assert {row["final"] for row in decided} == {""}
    assert "error_half" not in view.summary.result


def test_a_treebank_of_ones_own_is_read_whole(tmp_path):
    lines = [f"1\tw{k % 7}{k % 3}\t_\tT{k % 3}\t_\t_\t_\t_\t_\t_\n\n" for k in range(260)]
    file = tmp_path / "a.conllu"
    file.write_text("".join(lines))

    view = run(
        tmp_path / "run", "text", "data=conllu", f"data.path={file}", "task.max_words=null",
        "task.test_words=50", "task.kernel=50", "task.slice=50", "task.compare=[]",
    )  # fmt: skip

    assert [metrics["words"] for _, metrics, _ in story(view)] == [50, 100, 150, 200, 210]


@pytest.mark.parametrize("folds", [1, 2])
def test_the_last_levels_differ_where_the_test_set_took_too_much(folds, tmp_path):
    """40 sentences of 7 words; a test set of 50 takes 56: 225 and 230 words are the 224 left."""
    file = tmp_path / "a.conllu"
    rows = [
        [f"{k}\tw{n % 5}{k}\t_\tT{(n + k) % 3}\t_\t_\t_\t_\t_\t_\n" for k in range(1, 8)]
        for n in range(40)
    ]
    file.write_text("\n".join("".join(row) for row in rows))

    view = run(
        tmp_path / "run", "text", "data=conllu", f"data.path={file}", "task.max_words=null",
        "task.test_words=50", "task.kernel=45", "task.slice=45", "task.compare=[]",
        f"task.folds={folds}",
    )  # fmt: skip

    found = [metrics for _, metrics, _ in story(view)]
    assert [row["words"] for row in found] == [49, 91, 140, 182, 224]
    assert "c" in found[-1]
    assert view.status.state == "completed"


def test_a_run_of_no_level_has_no_picture(tmp_path):
    view = run(tmp_path / "run", "text", "stop.iterations=0")

    assert view.status.state == "completed"
    assert not [name for name in artifacts(view) if name.endswith(".png")]
    assert view.summary.result["pairs"] == 0


def test_constant_accuracies_are_told_and_not_fitted(tmp_path):
    file = tmp_path / "a.conllu"
    file.write_text("1\tw\t_\tT\t_\t_\t_\t_\t_\t_\n\n" * 100)

    view = run(
        tmp_path / "run", "text", "data=conllu", f"data.path={file}", "task.max_words=null",
        "task.test_words=50", "task.kernel=10", "task.slice=10", "task.compare=[]",
    )  # fmt: skip

    assert view.status.state == "completed"
    assert [set(metrics) for _, metrics, _ in story(view)] == [{"words", "accuracy"}] * 5
    log = (view.directory / "log.txt").read_text()
    assert "no power law is fitted, all observations are 1" in log

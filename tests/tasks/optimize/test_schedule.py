"""optimize/schedule: what a run leaves, and resumed = uninterrupted."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from PIL import Image
from schedule_runs import run
from task_runs import (
    EVERY_CHECKPOINT,
    Leaving,
    artifacts,
    go_on_from,
    once_each,
    story,
    taken_up,
)

from iterun.core.progress import Remark
from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.launch.local import resume
from iterun.ops.lr_refinement import refine
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow  # whole runs, small ones


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return once_each(run, tmp_path_factory.mktemp("whole"))


def table(view, name):
    with open(view.directory / "artifacts" / name, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "i"), [("digits_noisy", 7), ("digits_mlp", 3), ("text", 1)])
def test_resumed_equals_uninterrupted(name, i, whole, tmp_path):
    view = whole(name)

    again = go_on_from(view, i, tmp_path / "again")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)
    assert again.summary.result == view.summary.result


@pytest.mark.parametrize("name", ["digits_noisy", "text"])
def test_with_no_training_left_a_resume_tells_the_same(name, whole, tmp_path):
    view = whole(name)
    shutil.copytree(view.directory, tmp_path / "again")

    last = view.iterations()[-1].i
    resume(tmp_path / "again", [], lambda mode: lambda event: None, last)

    again = RunView(tmp_path / "again")
    assert again.summary.result == view.summary.result
    assert "peak_position" in again.summary.result
    assert artifacts(again) == artifacts(view)


def forked(view, i, tmp_path, *words):
    """Branches off after training i."""
    ready = prepare(view.directory, words, outputs=tmp_path, iteration=i, argv=[])
    return RunView(ready.begin(lambda mode: lambda event: None).directory)


#: training after which a fork leaves, its setting -> what the message has to say
OTHERS = {
    (4, "task.lrs=[9,8]"): "task.lrs=[9.0,8.0]: training 4 was of linear at 0.1 and would be of",
    (4, "task.steep_lrs=[1,5]"): "task.steep_lrs=[1.0,5.0]: training 3 was of inv_sqrt at 20",
    (2, "task.baselines=[linear]"): "task.baselines=[linear]: training 1 was of inv_sqrt at 1",
    (12, "task.refine_rounds=1"): "task.refine_rounds=1: training 10 was of refined2 at 0.1 and",
    (7, "task.baselines=[inv_sqrt,linear,cosine]"): "linear,cosine]: training 7 was of refined",
    (7, "task.tau=0.2"): "task.tau=0.2: the trainings so far were made with task.tau=0.1",
    (7, "task.power=1"): "task.power=1: the trainings so far were made with task.power=2",
    (2, "task.seeds=[0,1,2]"): "task.seeds=[0,1,2]: the trainings so far were made with task.see",
    (2, "task.steps=20"): "task.steps=20: the trainings so far were made with task.steps=40",
    (2, "task.problem=digits_mlp"): "task.problem=digits_mlp: the trainings so far were made wit",
    (2, "task.optimizer=adam"): "task.optimizer=adam: the trainings so far were made with task.op",
    (2, "task.batch=9"): "task.batch=9: the trainings so far were made with task.batch=8",
    (2, "task.init_scale=1"): "task.init_scale=1.0: the trainings so far were made with task.ini",
}


@pytest.mark.parametrize("line", OTHERS, ids=lambda line: line[1])
def test_a_fork_under_which_the_trainings_would_not_stand_is_refused(line, whole, tmp_path):
    with pytest.raises(ConfigError) as refused:
        forked(whole("digits_noisy"), line[0], tmp_path, line[1])

    assert OTHERS[line] in refused.value.message
    assert refused.value.hint


def test_a_fork_keeps_its_model_and_its_data(whole, tmp_path):
    text = tmp_path / "a.txt"
    text.write_text("what is a text but words " * 500)

    with pytest.raises(ConfigError, match="model=: the trainings so far were made with another m"):
        forked(whole("pictures"), 1, tmp_path, "model.width=8")
    with pytest.raises(ConfigError, match="data=: the trainings so far were made with another dat"):
        forked(whole("text"), 1, tmp_path, "data=text", f"data.path={text}")


def test_a_fork_may_add_what_comes_after(whole, tmp_path):
    """After the baselines the refinement is free, in the end another round may follow."""
    view = whole("digits_noisy")

    wider = forked(view, 6, tmp_path, "task.tau=0.2", "task.power=1", "task.refine_rounds=1")
    longer = forked(view, 12, tmp_path, "task.refine_rounds=3")

    assert story(wider)[:6] == story(view)[:6]
    assert [labels["schedule"] for _, _, labels in story(wider)[6:]] == ["refined"] * 3
    assert story(wider)[6][1]["train_loss"] != story(view)[6][1]["train_loss"]
    assert story(longer)[:12] == story(view)
    assert [labels["schedule"] for _, _, labels in story(longer)[12:]] == ["refined3"] * 3


def test_a_schedule_that_was_given_stays_in_a_fork(whole, tmp_path):
    line = ["schedule=cosine", "task.baselines=[linear]", "task.lrs=[0.1,0.3]"]
    view = run(tmp_path / "run", "digits_noisy", *line, *EVERY_CHECKPOINT)

    with pytest.raises(ConfigError, match="schedule=: the trainings so far were made with another"):
        forked(view, 4, tmp_path, "schedule=linear")
    with pytest.raises(ConfigError, match=r"schedule=: training 7 was of refined at 0\.1 and"):
        forked(whole("digits_noisy"), 7, tmp_path, "schedule=linear")


def test_a_run_of_no_training_is_completed(tmp_path):
    view = run(tmp_path / "run", "digits_noisy", "stop.iterations=0")

    assert view.status.state == "completed"
    assert not any(name.startswith("train_loss") for name in view.summary.result)


def test_interrupted_between_two_seeds_it_goes_on_with_the_second(whole, tmp_path):
    view = run(tmp_path / "parts", "pictures", "checkpoint.share=null", listener=Leaving(1))
    assert view.status.state == "interrupted"

    assert story(taken_up(tmp_path / "parts")) == story(whole("pictures"))


def test_an_iteration_is_a_schedule_with_a_rate(whole):
    rows = story(whole("digits_noisy"))

    pairs = [(labels["schedule"], metrics["lr"]) for _, metrics, labels in rows]
    assert pairs == [
        (name, lr)
        for name in ("inv_sqrt", "linear", "refined", "refined2")
        for lr in ([1, 5, 20] if name == "inv_sqrt" else [0.1, 0.3, 1])
    ]
    told = {"train_loss", "train_loss_std", "test_loss", "grad_norm_first", "grad_norm_mid"}
    assert told | {"grad_norm_last", "grad_norm", "peak_position"} <= set(rows[0][1])
    assert all(m["bound_refined"] <= m["bound_linear"] for _, m, _ in rows)
    assert "grad_norm_l1" not in rows[0][1]
    assert "grad_norm_l1" in story(whole("digits_mlp"))[0][1]


def test_a_refined_schedule_is_made_of_the_norms_of_the_best_run_before_it(whole):
    view = whole("digits_noisy")
    rows = view.appended("gradient_norms.jsonl")

    trainings = [[row["grad_norm"] for row in rows if row["i"] == i] for i in (6, 9, 12)]
    made = [float(row["multiplier"]) for row in table(view, "refined_schedule.csv")]
    assert [len(norms) for norms in trainings] == [40, 40, 40]  # of linear, refined, refined2
    assert made == refine(trainings[1]).multipliers.tolist()  # what refined2 was trained with
    norms = [float(row["grad_norm"]) for row in table(view, "gradient_norms.csv")]
    assert norms == trainings[1]


def test_adam_is_refined_by_its_l1_norms(whole):
    view = whole("digits_mlp")

    rows = table(view, "gradient_norms.csv")
    norms = [float(row["grad_norm_l1"]) for row in rows]
    made = [float(row["multiplier"]) for row in table(view, "refined_schedule.csv")]
    assert made == refine(norms, power=1).multipliers.tolist()
    assert set(rows[0]) == {"step", "grad_norm", "grad_norm_l1"}


def test_tables_hold_the_best_rates_and_every_seed(whole):
    view = whole("digits_noisy")
    found = {row["schedule"]: row for row in table(view, "table.csv")}
    seeds = table(view, "trainings.csv")

    assert len(seeds) == 12 * 2
    for _, metrics, labels in story(view):
        best = found[labels["schedule"]]
        pair = (labels["schedule"], metrics["lr"])
        own = [
            float(row["train_loss"]) for row in seeds if (row["schedule"], float(row["lr"])) == pair
        ]
        assert np.mean(own) == pytest.approx(metrics["train_loss"])
        assert float(best["train_loss"]) <= metrics["train_loss"]
    assert {row["norms_of"] for row in table(view, "bound.csv")} == set(found)
    for name in ("schedules.png", "losses.png"):
        with Image.open(view.directory / "artifacts" / name) as picture:
            assert picture.width > 600


def test_a_best_rate_at_the_end_of_its_grid_is_flagged(tmp_path):
    remarks = []
    view = run(
        tmp_path / "run", "digits_noisy", "task.lrs=[0.01,0.02]", "task.refine_rounds=0",
        listener=lambda event: remarks.append(event.text) if isinstance(event, Remark) else None,
    )  # fmt: skip

    flagged = {row["schedule"]: row["lr_at_edge"] for row in table(view, "table.csv")}
    assert flagged["linear"] == "True"
    assert "linear" in view.summary.result["lr_at_edge"]
    assert not view.summary.result["is_fair"]
    assert any("lr_at_edge: the best rate of linear, 0.02" in text for text in remarks)


def test_a_grid_that_was_not_tried_to_its_end_is_told(tmp_path):
    """Rates 0.1 and 0.3 of linear's 0.1, 0.3 and 1: the best may be the last one tried."""
    view = run(tmp_path / "run", "digits_noisy", "stop.iterations=5")

    result, rows = view.summary.result, table(view, "table.csv")
    assert [(row["schedule"], row["is_whole"]) for row in rows] == [
        ("inv_sqrt", "True"),
        ("linear", "False"),
    ]
    assert result["partial"] == "linear"
    assert rows[1]["lr_at_edge"] == "True"
    assert not result["is_fair"]


def test_partial_grids_are_not_compared_with_whole_ones(tmp_path):
    view = run(tmp_path / "run", "digits_noisy", "stop.iterations=11")

    assert view.summary.result["partial"] == "refined2"
    assert "train_loss_refined2" in view.summary.result
    assert "refined_to_linear" not in view.summary.result


def test_rates_of_which_one_diverges_are_compared_all_the_same(tmp_path):
    line = ["task.lrs=[0.1,1000]", "task.steps=100", "task.refine_rounds=0"]
    view = run(tmp_path / "run", "digits_mlp", "task.optimizer=sgd", *line)

    assert view.status.state == "completed"
    found = {row["schedule"]: float(row["lr"]) for row in table(view, "table.csv")}
    assert found["linear"] == 0.1


def test_a_run_of_which_no_rate_stays_finite_has_diverged(tmp_path):
    line = ["task.lrs=[1e200]", "task.optimizer=sgd", "task.baselines=[linear]"]
    view = run(tmp_path / "run", "digits_mlp", *line)

    assert view.status.state == "diverged"
    assert "linear: no rate of task.lrs gave a finite loss" in view.status.error


def test_a_schedule_of_ones_own_stands_beside_the_others(whole, tmp_path):
    """The multipliers of linear decay give its numbers."""
    path = tmp_path / "mine.csv"
    path.write_text("step,multiplier\n" + "".join(f"{t},{1 - t / 40!r}\n" for t in range(40)))

    view = run(tmp_path / "run", "digits_noisy", "schedule=file", f"schedule.path={path}")

    by = {}
    for _, metrics, labels in story(view):
        by.setdefault(labels["schedule"], []).append(metrics)
    for given, linear in zip(by["given"], by["linear"], strict=True):
        assert given == pytest.approx(linear, rel=1e-6)
    assert list(by) == ["inv_sqrt", "linear", "given", "refined", "refined2"]


def test_a_seeds_numbers_do_not_depend_on_the_other_seeds(whole, tmp_path):
    both = table(whole("digits_noisy"), "trainings.csv")

    alone = table(run(tmp_path / "run", "digits_noisy", "task.seeds=[1]"), "trainings.csv")

    own = [row for row in both if row["seed"] == "1" and not row["schedule"].startswith("refined")]
    assert [float(row["train_loss"]) for row in alone[: len(own)]] == pytest.approx(
        [float(row["train_loss"]) for row in own], rel=1e-9
    )


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_libsvm_set_is_learnt(optimizer, tmp_path):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(300, 4))
    lines = [
        f"{1 if row[0] > row[2] else -1} " + " ".join(f"{k + 1}:{v:.5f}" for k, v in enumerate(row))
        for row in x
    ]
    (tmp_path / "set.txt").write_text("\n".join(lines) + "\n")

    view = run(
        tmp_path / "run", "digits_noisy", "task.problem=libsvm", "data=libsvm",
        f"data.path={tmp_path}/set.txt", "task.init_scale=0.01", f"task.optimizer={optimizer}",
    )  # fmt: skip

    result = view.summary.result
    assert result["train_loss_linear"] < 0.6 < np.log(2)
    assert view.record.data == "libsvm"


@pytest.mark.parametrize("name", ["text", "pictures"])
def test_modules_of_torch_begin_alike_and_end_by_their_schedule(name, whole):
    (_, linear, _), (_, refined, _) = story(whole(name))

    assert linear["train_loss"] != refined["train_loss"]
    rows = whole(name).appended("gradient_norms.jsonl")
    first = [row["grad_norm"] for row in rows if row["step"] == 0]
    assert len(first) == 2  # of the best linear and refined trainings
    assert first[0] == first[1]

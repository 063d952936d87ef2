"""rlhf/curate: what a run leaves, and resumed, interrupted and forked = uninterrupted."""

from __future__ import annotations

import re

import numpy as np
import pytest
from curate_runs import RUNS, run
from PIL import Image
from safetensors.numpy import load_file
from task_runs import Leaving, artifacts, go_on_from, once_each, story, taken_up

from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.ops.curation import curated, entropy
from iterun.store.reader import RunView

pytestmark = pytest.mark.slow  # whole runs, small ones


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return once_each(run, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", RUNS)
def test_resumed_equals_uninterrupted(name, whole, tmp_path):
    view = whole(name)

    again = go_on_from(view, 1, tmp_path / "again")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)
    assert again.summary.result == view.summary.result


@pytest.mark.parametrize(
    "n", [6, *(pytest.param(n, marks=[pytest.mark.slow, pytest.mark.long]) for n in (1, 2, 3, 4))]
)
def test_interrupted_inside_a_round_it_goes_on_with_the_arms_that_are_left(n, whole, tmp_path):
    view = run(tmp_path / "parts", "pictures", "checkpoint.share=null", listener=Leaving(n))
    assert view.status.state == "interrupted"
    assert len(view.iterations()) < 4

    parts = taken_up(tmp_path / "parts")
    assert story(parts) == story(whole("pictures"))
    assert artifacts(parts) == artifacts(whole("pictures"))


def test_a_fork_with_other_arms_is_refused(whole, tmp_path):
    ready = prepare(
        whole("states").directory, ["task.uncurated=false"], outputs=tmp_path, iteration=2, argv=[]
    )

    with pytest.raises(ConfigError, match="has the arms curated, mixed, uncurated, limit"):
        ready.begin(lambda mode: lambda event: None)


@pytest.mark.parametrize(
    ("name", "words", "said"),
    [
        ("pictures", ["task.problem=gaussians"], "task.problem=gaussians can't go on from"),
        ("gaussians", ["task.kept=201"], "task.kept=201 is more than the state has kept, 200"),
        ("states", ["task.rewards=[0,1]"], "task.rewards=[0.0,1.0] is not a number for each of"),
    ],
)
def test_a_fork_of_another_population_is_refused(name, words, said, whole, tmp_path):
    ready = prepare(whole(name).directory, words, outputs=tmp_path, iteration=1, argv=[])

    with pytest.raises(ConfigError, match=re.escape(said)) as error:
        ready.begin(lambda mode: lambda event: None)

    assert error.value.hint


@pytest.mark.parametrize(("name", "words"), [("gaussians", ["task.kept=150", "task.K=3"]),
                                             ("states", ["task.rewards=[0,3,1,2]"])])  # fmt: skip
def test_a_fork_may_keep_fewer_in_other_groups_or_reward_otherwise(name, words, whole, tmp_path):
    ready = prepare(whole(name).directory, words, outputs=tmp_path, iteration=1, argv=[])

    fork = RunView(ready.begin(lambda mode: lambda event: None).directory)

    assert len(fork.iterations()) == len(whole(name).iterations())


def test_gradients_of_the_runs_own_arm_are_on_record(whole):
    rows = whole("pictures").appended("gradient_norms.jsonl")
    _, *rounds = [metrics for _, metrics, _ in story(whole("pictures"))]

    assert [(row["i"], row["step"]) for row in rows] == [
        (i, t) for i in (1, 2, 3) for t in range(3)
    ]
    for i, metrics in enumerate(rounds, start=1):
        norms = [row["grad_norm"] for row in rows if row["i"] == i]
        assert metrics["grad_norm"] == pytest.approx(sum(norms) / 3)
        assert metrics["grad_norm_l1"] > metrics["grad_norm"]
        assert "grad_norm_mixed" not in metrics


def test_states_give_the_exact_numbers(whole):
    rows = [metrics for _, metrics, _ in story(whole("states"))]

    found = [row["exp_reward_mean"] for row in rows]
    assert found == pytest.approx([3.1890, 4.5090, 5.8097, 6.6633, 7.0805, 7.2599], abs=5e-5)
    assert rows[0]["class_entropy"] == pytest.approx(np.log(4))
    for row in rows[1:]:
        assert row["exp_reward_mean_uncurated"] == pytest.approx(found[0])
        assert row["exp_reward_mean_limit"] > row["exp_reward_mean"]
        assert row["exp_reward_mean"] > row["exp_reward_mean_mixed"]


def test_states_have_the_data_that_are_given(tmp_path):
    words = ["task.probabilities=[0.9,0.1]", "task.rewards=[0,3]", "task.mixed_share=null"]

    first, second, *_ = story(run(tmp_path / "run", "states", *words))

    assert first[1]["class_entropy"] == pytest.approx(entropy([0.9, 0.1]))
    p = curated([0.9, 0.1], [0, 3], 4)
    assert second[1]["reward_mean"] == pytest.approx(3 * p[1])
    assert not [name for name in second[1] if name.endswith("_mixed")]


def test_arms_begin_alike_and_tell_the_same(whole):
    for name in ("pictures", "gaussians"):
        first, *others = [metrics for _, metrics, _ in story(whole(name))]

        arms = {key.removesuffix("_mixed") for key in first if key.endswith("_mixed")}
        assert {"reward_mean", "class_entropy"} <= arms < set(first)
        assert all(first[key] == first[f"{key}_mixed"] for key in arms)
        assert all(row["reward_mean"] != row["reward_mean_mixed"] for row in others)


def test_pictures_are_judged_by_both_classifiers(whole):
    *_, (_, last, _) = story(whole("pictures"))

    for name in ("target_share", "class_entropy"):
        assert {name, f"{name}_independent"} <= set(last)
    assert last["class_entropy_independent"] != last["class_entropy"]
    assert {"kl_classes", "pixel_var", "fd", "loss"} <= set(last)


def test_costs_are_told_apart_from_metrics(whole):
    _, second, *_ = whole("pictures").iterations()

    assert {"seconds_train", "seconds_generate", "seconds_train_mixed"} <= set(second.cost)


def test_every_picture_is_there(whole):
    names = {name: set(artifacts(whole(name))) for name in RUNS}

    always = {"generations.png", "reward_mean.png", "class_entropy.png"}
    assert names["states"] == names["gaussians"] == always
    grids = {f"000{i}/grid.png" for i in range(4)}
    kept = {"model.safetensors", "kept.safetensors"}
    others = {"contact-sheet.png", "animation.gif", "gradient_norms.jsonl"}
    assert names["pictures"] == always | grids | kept | others
    folder = whole("pictures").directory / "artifacts"
    with Image.open(folder / "generations.png") as sheet:  # real digits, four rounds of three arms
        assert sheet.height == 13 * 33 - 1
    with Image.open(folder / "animation.gif") as gif:
        assert gif.n_frames == 4
    assert load_file(folder / "kept.safetensors")["x"].shape == (12, 64)


def test_without_a_target_what_the_classifier_is_sure_of_is_rewarded(tmp_path):
    view = run(tmp_path / "run", "pictures", "task.target=null", "task.rounds=1")

    first, last = [metrics for _, metrics, _ in story(view)]
    assert 0.4 <= first["reward_mean"] <= 4  # γ / 10 at least
    assert "class_entropy" in last
    assert not [name for name in last if name.startswith("target")]


def test_real_data_alone_leave_nothing_of_the_reward(tmp_path):
    """real_share = 1: the next mixture is fitted to the data again."""
    view = run(tmp_path / "run", "gaussians", "task.real_share=1", "task.kept=2000")

    *_, (_, last, _) = story(view)
    assert last["class_entropy"] == pytest.approx(np.log(8), abs=0.02)
    assert last["target_share"] == pytest.approx(1 / 8, abs=0.02)

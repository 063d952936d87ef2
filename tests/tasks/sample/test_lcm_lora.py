"""sample/lcm_lora: what its runs leave; resumed and forked in mid-run equals uninterrupted."""

from __future__ import annotations

import json

import pytest
import torch
from lcm_runs import DIGITS, SMALL, forked, run
from PIL import Image
from safetensors.torch import load_file
from task_runs import EVERY_CHECKPOINT, artifacts, go_on_from, story

from iterun.errors import ConfigError

TRANSPORT = ["task.problem=transport", "task.cells=20"]
MEASURED = {"fd@1", "acc@1", "fd@2", "acc@2"}
OF_TEACHER = {f"teacher_{name}" for name in ("fd@1", "acc@1", "fd@2", "acc@2", "fd@50", "acc@50")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run of a mode with all its checkpoints, made once."""
    made, folder = {}, tmp_path_factory.mktemp("whole")

    def line(mode):
        if mode == "sample":
            adapter = whole_of("lora").directory / "artifacts/adapter.safetensors"
            words = ["task.mode=sample", f"task.lora=file:{adapter}", "task.images=40"]
            return [*DIGITS, *words, "task.gif=true"]
        if mode == "transport":
            return TRANSPORT
        return [*DIGITS, *SMALL, f"task.variant={mode}"]

    def whole_of(mode):
        if mode not in made:
            made[mode] = run(folder / mode, *line(mode), *EVERY_CHECKPOINT)
        return made[mode]

    return whole_of


def last(view):
    return story(view)[-1][1]


def test_a_distillation_begins_with_teacher_and_untrained_student(whole):
    first, *rounds = story(whole("lora"))

    assert set(first[1]) == MEASURED | OF_TEACHER | {"fd_heldout", "trainable", "nfe"}
    assert [i for i, _, _ in rounds] == [1, 2, 3]
    for _, metrics, labels in rounds:
        assert set(metrics) == set(first[1]) | {"loss", "grad_norm", "grad_norm_l1"}
        assert {name: metrics[name] for name in OF_TEACHER} == {
            name: first[1][name] for name in OF_TEACHER
        }
        assert labels == {"phase": "distill"}


def test_every_call_of_the_network_is_counted(whole):
    """Samples at 1 and 2 steps are 3 calls; an optimizer step is student, target and teacher."""
    counts = [metrics["nfe"] for _, metrics, _ in story(whole("lora"))]

    assert counts == [3 + i * (3 + 2 * 3) for i in range(4)]


def test_every_round_leaves_its_adapter_and_its_grid(whole):
    view = whole("lora")
    folder = view.directory / "artifacts"

    shown = load_file(folder / "adapter.safetensors")
    rounds = [load_file(folder / f"{i:04}/adapter.safetensors") for i in (1, 2, 3)]

    assert sum(value.numel() for value in shown.values()) == last(view)["trainable"] == 2 * 6336
    assert all(torch.equal(shown[name], rounds[2][name]) for name in shown)
    assert not torch.equal(rounds[0]["enter.lora_B.weight"], rounds[2]["enter.lora_B.weight"])
    for i in range(4):
        with Image.open(folder / f"{i:04}/grid.png") as grid:
            assert grid.size == (10 * 49 - 1, 4 * 49 - 1)


def test_a_distillation_ends_with_its_pictures_and_says_which_round_is_shown(whole):
    view = whole("lora")
    folder = view.directory / "artifacts"
    result = json.loads((view.directory / "summary.json").read_text())["result"]
    fds = [metrics["fd@2"] for _, metrics, _ in story(view)]

    heights = {"contact-sheet.png": 4, "teacher-vs-student.png": 5}  # 1, 2 and 50 steps; 1 and 2
    for name, n_rows in heights.items():
        with Image.open(folder / name) as sheet:
            assert sheet.height == n_rows * 49 - 1
            assert 489 < sheet.width < 600  # with what each row is at its left
    assert (folder / "curve.png").is_file()
    assert not (folder / "animation.gif").exists()
    assert result["shown_round"] == 3
    assert result["best_round@2"] == fds.index(min(fds))


def test_a_full_student_is_saved_whole(whole):
    view = whole("full")

    saved = load_file(view.directory / "artifacts/student.safetensors")

    assert sum(value.numel() for value in saved.values()) == last(view)["trainable"] == 659_296


def test_sampling_ends_with_its_controls_and_samples(whole):
    view = whole("sample")
    controls = {"fd_ddim", "acc_ddim", "fd_unadapted", "acc_unadapted", "fd_heldout"}

    steps = [metrics for _, metrics, _ in story(view)]
    saved = load_file(view.directory / "artifacts/samples.safetensors")

    assert [metrics["nfe"] for metrics in steps] == [1, 2, 3, 4]
    assert all(set(metrics) == {"nfe", "sample_std", "fd", "acc"} for metrics in steps[:3])
    assert set(steps[3]) == set(steps[0]) | controls | {"fd@4", "acc@4"}
    assert view.summary.best == {"i": 4, "value": steps[3]["fd"]}  # the objective is fd@4
    assert saved["x"].shape == (40, 64)
    with Image.open(view.directory / "artifacts/animation.gif") as film:
        assert film.n_frames == 4


def test_a_full_student_is_no_adapter_to_sample_with(whole, tmp_path):
    student = whole("full").directory / "artifacts/student.safetensors"

    with pytest.raises(ConfigError, match="holds all weights of a student") as refused:
        run(tmp_path / "run", *DIGITS, "task.mode=sample", f"task.lora=file:{student}")

    assert "task.variant=lora" in refused.value.hint
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_pictures_are_distilled_in_smaller_batches(tmp_path):
    few = ["task.rounds=1", "task.steps_per_round=1", "task.pool=1", "task.images=2"]
    few += ["task.lora_rank=2", "task.eval_steps=[1]", "task.steps=1"]

    view = run(tmp_path / "run", "model=pictures-diffusion", *few)

    assert view.summary.parameters["mode"] == "distill"
    assert view.summary.parameters["batch"] == 16
    assert last(view)["loss"] > 0


def test_guidance_calls_the_network_twice(whole, tmp_path):
    adapter = whole("lora").directory / "artifacts/adapter.safetensors"

    view = run(
        tmp_path / "guided", *DIGITS, f"task.lora=file:{adapter}", "task.images=10",
        "task.guidance_scale=2", "task.steps=2", "task.labels=[3,8]",
    )  # fmt: skip

    assert [metrics["nfe"] for _, metrics, _ in story(view)] == [2, 4]
    saved = load_file(view.directory / "artifacts/samples.safetensors")
    assert saved["label"].tolist() == [3, 8] * 5


def test_grids_come_at_every_nth_iteration_and_at_the_last(whole, tmp_path):
    adapter = whole("lora").directory / "artifacts/adapter.safetensors"
    words = [f"task.lora=file:{adapter}", "task.images=10", "task.steps=5", "task.save_every=2"]

    view = run(tmp_path / "sparse", *DIGITS, *words)

    grids = sorted(path.parent.name for path in view.directory.glob("artifacts/*/grid.png"))
    assert grids == ["0002", "0004", "0005"]


@pytest.mark.parametrize(("mode", "after"), [("lora", 1), ("full", 2), ("sample", 2)])
def test_resumed_in_the_middle_equals_uninterrupted(whole, tmp_path, mode, after):
    view = whole(mode)

    again = go_on_from(view, after, tmp_path / "again")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)


@pytest.mark.parametrize(("mode", "after"), [("lora", 1), ("sample", 2)])
def test_a_fork_that_changes_nothing_ends_as_its_parent(whole, tmp_path, mode, after):
    view = whole(mode)

    assert story(forked(view, after, tmp_path)) == story(view)


def test_a_fork_may_part_from_its_parent(whole, tmp_path):
    view = whole("sample")

    branch = story(forked(view, 2, tmp_path, "task.guidance_scale=2"))

    assert branch[:2] == story(view)[:2]
    assert branch[2:] != story(view)[2:]


@pytest.mark.parametrize(
    ("mode", "change", "was"),
    [
        ("sample", "task.steps=8", "4"),
        ("sample", "task.solver_steps=1000", "50"),
        ("sample", "task.images=30", "40"),
        ("sample", "task.problem=transport", "diffusion"),
        ("lora", "task.eval_steps=[1,4]", "[1,2]"),
        ("lora", "task.images=5", "40"),
        ("lora", "task.labels=[3]", "null"),
        ("lora", "task.guidance_scale=2.0", "1.0"),
        ("lora", "task.steps_per_round=1", "2"),
        ("lora", "task.lora_alpha=64.0", "32.0"),
        ("transport", "task.cells=30", "20"),
        ("transport", "task.thickness=5.0", "20.0"),
        ("transport", "task.c=0.5", "0.99"),
    ],
)
def test_a_fork_that_its_state_does_not_fit_is_refused(whole, tmp_path, mode, change, was):
    with pytest.raises(ConfigError) as refused:
        forked(whole(mode), 2, tmp_path, change)

    assert refused.value.message == f"{change}: the state is of {change.partition('=')[0]}={was}"


def test_a_student_does_not_change_its_teacher_in_a_fork(whole, tmp_path):
    with pytest.raises(ConfigError, match="model=digits-bold: the state is of a student of digits"):
        forked(whole("lora"), 2, tmp_path, "model=digits-bold", "model.tune_steps=1")


@pytest.mark.parametrize(
    ("mode", "change"), [("lora", "task.lr=0.01"), ("transport", "task.accelerate=false")]
)
def test_what_a_fork_may_change_takes_effect(whole, tmp_path, mode, change):
    view = whole(mode)

    branch = story(forked(view, 2, tmp_path, change))

    shared = [line for line in story(view) if line[0] <= 2]
    assert branch[: len(shared)] == shared
    assert branch[len(shared)] != story(view)[len(shared)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("task.lr=1e30", "iteration 1: the loss is "),
        ("task.guidance_scale=1e38", "iteration 0: the teacher's samples are not numbers"),
    ],
)
def test_what_is_no_number_any_more_ends_as_diverged(tmp_path, change, said):
    view = run(tmp_path / "run", *DIGITS, *SMALL, change)

    assert view.state == "diverged"
    assert said in json.loads((view.directory / "status.json").read_text())["error"]


def test_transport_needs_no_model_and_stops_when_it_stands_still(tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))

    view = run(tmp_path / "slab", "task.problem=transport")

    lines = story(view)
    status = json.loads((view.directory / "status.json").read_text())
    assert len(lines) == 8
    assert [metrics["sweeps"] for _, metrics, _ in lines] == list(range(1, 9))
    assert last(view)["error"] < 1e-6 < lines[-2][1]["error"]
    assert last(view)["rho"] < 0.2247
    assert status["reason"] == "converged"
    assert not (tmp_path / "cache").exists()
    assert set(artifacts(view)) == {"flux.csv", "flux.png", "errors.png"}


def test_transport_resumed_equals_uninterrupted(whole, tmp_path):
    view = whole("transport")

    again = go_on_from(view, 3, tmp_path / "again")

    assert story(again) == story(view)
    assert artifacts(again) == artifacts(view)

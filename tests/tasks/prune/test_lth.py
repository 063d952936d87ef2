"""prune/lth: what goes, where levels begin, the same bits however a run was interrupted."""

from __future__ import annotations

import json
import math
import os
import signal
from itertools import pairwise

import pytest
import torch
from lth_runs import FEW, RESNET, TINY, masks_of, n_kept, run, tensors
from PIL import Image
from task_runs import go_on_from, story

from iterun.config.compose import compose, to_plain
from iterun.core.progress import CheckpointSaved
from iterun.data.digits import digits
from iterun.launch.local import resume
from iterun.models import vision
from iterun.models.classifier import Training, taken
from iterun.models.classifier_recipe import Batches, Recipe
from iterun.models.ticket_measures import Judge, apart
from iterun.ops.rng import Generators
from iterun.store.reader import RunView
from iterun.tasks.prune.lth import Arm
from iterun.types import Architecture

LEVELS = range(1, 4)
SEED = 3


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> RunView:
    """A whole run, not to be changed."""
    line = [f"seed={SEED}", "checkpoint.share=null", "checkpoint.last=null"]
    return run(tmp_path_factory.mktemp("lth") / "whole", *line)


def mlp() -> torch.nn.Module:
    """The run's net with its initial weights."""
    plan = vision.load(Architecture, None, name="mlp", net="mlp", depth=2, width=12)
    return plan.build((1, 8, 8), 10, Generators(SEED).torch("init", 0))


def training(module: torch.nn.Module, masks) -> Training:
    config = to_plain(compose(TINY))["task"]
    recipe = Recipe(**{name: config[name] for name in Recipe.__dataclass_fields__})
    batches = Batches(split=digits().train, size=recipe.batch_size, draw=Generators(SEED).torch)
    return Training(module, batches, recipe, masks)


# What goes.


@pytest.mark.parametrize("suffix", ["", "_k0"])
def test_each_level_removes_the_ceiling_of_the_share_and_masks_are_nested(done, suffix):
    masks = [masks_of(done, 0)] + [masks_of(done, level, suffix) for level in LEVELS]

    counts = [n_kept(level) for level in masks]
    assert counts[0] == 64 * 12 + 12 * 12  # the output layer is left out
    assert all(b == a - math.ceil(round(0.2 * a, 9)) for a, b in pairwise(counts))
    assert not any((b[n] & ~a[n]).any() for a, b in pairwise(masks) for n in b)
    remaining = [line.metrics["remaining"] for line in done.iterations()]
    assert remaining == pytest.approx([n / counts[0] for n in counts], abs=1e-12)


@pytest.mark.parametrize("suffix", ["", "_k0"])
def test_what_goes_is_smallest_at_the_end_of_the_level_before(done, suffix):
    for level in LEVELS:
        before = masks_of(done, level - 1, suffix if level > 1 else "")
        after = masks_of(done, level, suffix)
        weights = tensors(done, f"level_{level - 1}/final{suffix if level > 1 else ''}")

        removed = torch.cat([weights[n][before[n] & ~after[n]].abs() for n in after])
        kept = torch.cat([weights[n][after[n]].abs() for n in after])
        assert removed.max() <= kept.min()


def test_the_reference_counts_the_output_layer_too(tmp_path):
    """912 prunable weights and 120 of the output layer: ⌈0.2 · 1032⌉ = 207 go."""
    view = run(tmp_path / "run", "task.count_rule=reference", "task.levels=1", *FEW)

    assert n_kept(masks_of(view, 1)) == 912 - 207


def test_a_resnet_is_pruned_in_all_its_layers(tmp_path):
    view = run(tmp_path / "run", *RESNET, "task.levels=1", *FEW)

    names = masks_of(view, 1)
    assert {"conv.weight", "blocks.1.shortcut.conv.weight", "output.weight"} <= set(names)
    assert not any("norm" in name or "bias" in name for name in names)


# Where levels begin, and end.


def test_kept_weights_begin_with_the_bits_of_step_k(done):
    start = tensors(done, "rewind")
    for level in LEVELS:
        masks = masks_of(done, level)
        module = mlp()
        arm = Arm(k=6, suffix="", start={"weights": start}, masks=masks, end={})

        arm.rewind(work := training(module, masks))

        assert work.step == 6
        for name, value in taken(module).items():
            mask = masks.get(name, torch.ones_like(value, dtype=torch.bool))
            assert torch.equal(value[mask], start[name][mask])
            assert not value[~mask].any()


def test_the_dense_training_is_one_uninterrupted_training(done):
    work = training(module := mlp(), {})
    work.begin(taken(module), 0)
    states = {}
    for t in range(56):
        states[t] = taken(module)
        work.advance()

    for name, value in tensors(done, "level_0/final").items():
        assert torch.equal(value, taken(module)[name])
    for k, suffix in ((6, ""), (0, "_k0")):
        saved = tensors(done, f"rewind{suffix}")
        assert all(torch.equal(value, states[k][name]) for name, value in saved.items())


def test_a_level_is_a_training_of_the_masked_weights_of_step_k_with_a_fresh_optimizer(done):
    masks = masks_of(done, 2)
    work = training(module := mlp(), masks)

    work.begin(tensors(done, "rewind"), 6)
    for _ in range(50):
        work.advance()

    found = taken(module)
    assert all(torch.equal(v, found[n]) for n, v in tensors(done, "level_2/final").items())


def test_no_zero_is_ever_revived(done):
    for level in LEVELS:
        for suffix in ("", "_k0"):
            weights = tensors(done, f"level_{level}/final{suffix}")
            masks = masks_of(done, level, suffix)
            assert not any(weights[name][~mask].any() for name, mask in masks.items())


# Measures.


def test_nothing_pruned_and_the_same_order_is_no_distance(done):
    """At step 0 both begin without momentum: the training done again gives the same bits."""
    masks = masks_of(done, 0)
    work = training(module := mlp(), masks)
    work.begin(tensors(done, "rewind_k0"), 0)
    for _ in range(56):
        work.advance()

    found = apart("prune", taken(module), tensors(done, "level_0/final"), masks)

    assert found == {"l2_prune": 0.0, "angle_prune": 0.0}
    assert done.iterations()[0].metrics["l2_prune"] == 0.0


@pytest.mark.parametrize("net", ["mlp", "resnet"])
def test_a_network_has_no_barrier_to_itself(net):
    depth, width = (2, 12) if net == "mlp" else (8, 2)
    plan = vision.load(Architecture, None, name=net, net=net, depth=depth, width=width)
    draw = Generators(0).torch
    data = digits()
    module = plan.build(data.shape, data.n_classes, draw("init", 0))
    weights = taken(module)
    judge = Judge(
        module=module, test=data.test, train=data.train, generator=draw("norms", 0), size=32,
        shown=lambda items, label: items,
    )  # fmt: skip

    assert judge.barrier(weights, weights) == 0.0
    other = taken(plan.build(data.shape, data.n_classes, draw("init", 1)))
    assert judge.barrier(weights, other) != 0.0


def test_the_metrics_are_those_of_the_arms_and_controls(done):
    lines = [line.metrics for line in done.iterations()]

    own = {"level", "remaining", "sparsity", "acc", "acc_dense", "acc_dev", "loss", "steps"}
    own |= {"grad_norm"}
    arms = {"acc", "l2_prune", "angle_prune", "l2_order", "angle_order", "barrier"}
    both = own | arms | {f"{name}_k0" for name in arms}
    assert set(lines[0]) == both
    assert all(set(line) == both | {"acc_random_mask", "acc_reinit"} for line in lines[1:])
    assert [line["steps"] for line in lines] == [56 + 50 + 56] + [2 * (50 + 56) + 50 + 56] * 3
    assert all(line["acc_dense"] == lines[0]["acc"] for line in lines)
    assert all(line["sparsity"] == pytest.approx(1 - line["remaining"]) for line in lines)


def test_what_is_not_asked_for_is_left_out(tmp_path):
    view = run(
        tmp_path / "run", "task.controls=false", "task.compare_rewinds=[]", "task.measure_every=2"
    )

    lines = [line.metrics for line in view.iterations()]
    assert not any("acc_k0" in line or "acc_reinit" in line for line in lines)
    assert ["barrier" in line for line in lines] == [True, False, True, False]
    assert all("l2_prune" in line for line in lines)


def test_the_report_has_a_row_for_each_level_and_no_more_than_was_measured(done):
    text = (done.directory / "artifacts/report.md").read_text()

    _, _, *rows = [line.split("|")[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert [int(row[0]) for row in rows] == [0, *LEVELS]
    assert [float(row[2]) for row in rows] == [
        round(line.metrics["acc"], 4) for line in done.iterations()
    ]
    assert rows[0][4].strip() == ""  # no control at level 0
    assert "nothing here is faster on a CPU" in text


def test_the_result_and_the_artifacts_are_of_the_last_level(done):
    masks, last = tensors(done, "masks"), done.iterations()[-1].metrics
    rows = json.loads((done.directory / "artifacts/sparsity.json").read_text())

    assert all(torch.equal(masks[n].bool(), m) for n, m in masks_of(done, 3).items())
    zeros, n = sum(row["zeros"] for row in rows), sum(row["rows"] * row["columns"] for row in rows)
    assert zeros / n == pytest.approx(last["sparsity"])
    assert [row["name"] for row in rows] == ["hidden1.weight", "hidden2.weight"]
    for name in ("accuracy.png", "first_layer.png"):
        with Image.open(done.directory / "artifacts" / name) as picture:
            assert min(picture.size) > 100
    matching = [
        m.metrics["sparsity"] for m in done.iterations() if m.metrics["acc"] >= last["acc_dense"]
    ]
    assert done.summary.result["matching_sparsity"] == max(matching)


# Interrupted and taken up.


@pytest.mark.parametrize("k", [1, *(pytest.param(k, marks=pytest.mark.slow) for k in (0, 2))])
def test_resumed_after_any_level_equals_uninterrupted(done, k, tmp_path):
    again = go_on_from(done, k, tmp_path / "run")

    assert story(again) == story(done)
    assert_same_files(again, done)


INSIDE = [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 4, 5, 6, 9, 13))]


@pytest.mark.parametrize("n", INSIDE)
def test_interrupted_inside_a_level_it_goes_on_from_there(n, done, tmp_path):
    check_interrupted(n, tmp_path, [f"seed={SEED}"], done)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 3])
def test_batch_norm_statistics_come_back_inside_a_level(n, tmp_path):
    check_interrupted(n, tmp_path, RESNET, run(tmp_path / "whole", *RESNET))


def check_interrupted(n: int, tmp_path, line: list[str], whole: RunView) -> None:
    """Told to leave at the n-th checkpoint, and gone at the safe point after it."""
    seen = []

    def leave(event) -> None:
        if isinstance(event, CheckpointSaved):
            seen.append(event)
            if len(seen) == n:
                os.kill(os.getpid(), signal.SIGTERM)

    view = run(tmp_path / "parts", *line, "checkpoint.share=null", listener=leave)
    assert view.status.state == "interrupted"
    assert len(view.iterations()) < len(whole.iterations())

    resume(tmp_path / "parts", [], lambda mode: lambda event: None)

    parts = RunView(tmp_path / "parts")
    assert parts.status.state == "completed"
    assert story(parts) == story(whole)
    assert_same_files(parts, whole)


def assert_same_files(one: RunView, other: RunView) -> None:
    names = [
        sorted(p.relative_to(v.directory / "artifacts") for p in files(v)) for v in (one, other)
    ]
    assert names[0] == names[1]
    assert len(names[0]) >= 8
    for name in names[0]:
        first, second = (v.directory / "artifacts" / name for v in (one, other))
        assert first.read_bytes() == second.read_bytes(), name


def files(view: RunView) -> list:
    """What stands at the end, without what a resume put aside."""
    root = view.directory / "artifacts"
    return [p for p in root.rglob("*.safetensors") if ".dropped" not in str(p.relative_to(root))]

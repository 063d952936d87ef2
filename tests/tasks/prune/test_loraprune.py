"""Whole runs of prune/loraprune on small random models: schedule, exports, resume, bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import loraprune_runs
import perp_runs
import pytest
import torch
from loraprune_runs import TINY
from safetensors.torch import load_file
from task_runs import EVERY_CHECKPOINT, go_on_from
from transformers import AutoModelForCausalLM, AutoTokenizer

from iterun.errors import ConfigError
from iterun.models.lm import load, quiet_loading
from iterun.models.perplexity import perplexity, windows
from iterun.types import LanguageModel, Placement

PLACE = Placement(device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="module")
def done(shelf, tmp_path_factory):
    """A whole run on `opt` or `llama` with all its checkpoints, made once; not to be changed."""
    made = {}
    folder = tmp_path_factory.mktemp("loraprune")

    def run(model: str):
        if model not in made:
            files = shelf / model, shelf / "text.txt"
            line = EVERY_CHECKPOINT
            made[model] = loraprune_runs.run(folder / model, *files, *line)
        return made[model]

    return run


@pytest.fixture
def small(shelf, tmp_path):
    """Run on `opt` with other settings."""

    def run(*overrides: str, model: str = "opt"):
        return loraprune_runs.run(tmp_path / "run", shelf / model, shelf / "text.txt", *overrides)

    return run


def test_the_ratio_follows_the_schedule(done):
    """10 steps, warm-up 1, cool-down 2: after 4 steps 0.5 · (1 - (4/7)³) of 64 channels, cut."""
    metrics = [line.metrics for line in done("opt").iterations()]
    asked = [0, *(0.5 * (1 - (1 - (t - 1) / 7) ** 3) for t in (2, 4, 6)), 0.5, 0.5]

    assert [m["step"] for m in metrics] == [0, 2, 4, 6, 8, 10]
    assert [m["ratio_target"] for m in metrics] == pytest.approx(asked)
    assert [m["ratio_channels"] for m in metrics] == [int(64 * r) / 64 for r in asked]
    assert [m["ratio_heads"] for m in metrics] == [int(2 * r) / 2 for r in asked]


def test_every_metric_is_there_and_those_that_make_no_sense_are_not(done):
    zero, *others = done("opt").iterations()
    always = {
        "step", "ppl", "ratio_target", "ratio_heads", "ratio_channels", "params", "params_pct",
        "flops_pct", "nan_skips", "sparsity", "sparsity_total",
    }  # fmt: skip

    assert set(zero.metrics) == always | {"ppl_dense"}
    trained = {"loss", "lr", "tokens", "grad_norm", "grad_norm_l1"}
    assert all(set(line.metrics) == always | trained for line in others)
    assert [line.metrics["lr"] for line in others] == pytest.approx(
        [1e-2 * (10 - t) / 10 for t in (1, 3, 5, 7, 9)]
    )
    assert all(line.metrics["tokens"] == 2 * 2 * 16 for line in others)
    assert all({"tokens_per_s", "peak_mem_mb"} <= set(line.cost) for line in others)
    assert [line.labels["phase"] for line in done("opt").iterations()] == [
        "dense", "prune", "prune", "prune", "cooldown", "cooldown",
    ]  # fmt: skip


@pytest.mark.parametrize("model", ["opt", "llama"])
def test_the_masks_are_those_of_whole_units_and_the_model_obeys_them(model, done):
    view = done(model)
    masks = load_file(view.directory / "artifacts/masks.safetensors")
    saved = load_file(view.directory / "artifacts/model/model.safetensors")
    rows = json.loads((view.directory / "artifacts/sparsity.json").read_text())
    last = max(row["block"] for row in rows)

    for name, mask in masks.items():
        assert mask.dtype == torch.uint8
        assert not saved[name][mask == 0].any()
        assert saved[name][mask == 1].any()
    for row in rows:
        assert row["zeros"] == int((masks[row["name"]] == 0).sum())
        assert row["sparsity"] == (0.0 if row["block"] == last else 0.5)
    assert view.iterations()[-1].metrics["sparsity"] == pytest.approx(0.5 * last / (last + 1))


def test_a_group_of_grouped_queries_goes_whole(done):
    """4 query heads of 8 read 2 key heads: 16 rows of q, 8 of k and v, 16 columns of o go."""
    masks = load_file(done("llama").directory / "artifacts/masks.safetensors")
    q, k, v, o = (masks[f"model.layers.0.self_attn.{x}_proj.weight"] for x in "qkvo")

    (dead,) = (unit for unit in (0, 1) if not k[8 * unit].any())

    for mask, size in ((q, 16), (k, 8), (v, 8), (o.T, 16)):
        gone = ~mask.bool().any(dim=1)
        wanted = torch.zeros(2, size, dtype=torch.bool)
        wanted[dead] = True
        assert gone.tolist() == wanted.flatten().tolist()


@pytest.mark.parametrize("model", ["opt", "llama"])
def test_both_exports_give_the_logged_perplexity(model, done, shelf):
    view = done(model)
    folder = view.directory / "artifacts"
    with quiet_loading():
        plain = AutoModelForCausalLM.from_pretrained(folder / "model")
    compact = load(LanguageModel, PLACE, name="x", folder=str(folder / "compact"))
    tokenizer = AutoTokenizer.from_pretrained(folder / "compact")
    text = (shelf / "text.txt").read_text()
    ids = windows(tokenizer, text[-len(text) // 5 :], 16, 4)
    with torch.no_grad():
        difference = plain(input_ids=ids).logits - compact.module(input_ids=ids).logits

    assert difference.abs().max() < 1e-4
    assert perplexity(compact.module, ids) == pytest.approx(perplexity(plain, ids), rel=1e-4)
    found, end = view.summary.result, view.iterations()[-1].metrics
    assert found["ppl_final"] == pytest.approx(end["ppl"], rel=1e-3)
    n = sum(parameter.numel() for parameter in compact.module.parameters())
    assert n == end["params"] < sum(p.numel() for p in plain.parameters())


def test_the_result_names_what_training_is_held_against(done):
    found = done("opt").summary.result
    dense = done("opt").iterations()[0].metrics["ppl_dense"]

    assert set(found) == {
        "ppl_dense", "ppl_pruned", "ppl_final", "recovered", "ratio_heads", "ratio_channels",
        "params_pct",
    }  # fmt: skip
    assert found["ppl_dense"] == dense
    assert (found["ratio_heads"], found["ratio_channels"]) == (0.5, 0.5)
    artifacts = done("opt").directory / "artifacts"
    assert {p.name for p in artifacts.iterdir() if not p.name.startswith(".")} == {
        "gradient_norms.jsonl", "model", "compact", "masks.safetensors", "sparsity.json",
        "perplexity.png", "kept.png",
    }  # fmt: skip


def test_ppl_pruned_is_the_dense_model_with_the_final_masks(done, shelf):
    view = done("opt")
    with quiet_loading():
        module = AutoModelForCausalLM.from_pretrained(shelf / "opt").eval()
    masks = load_file(view.directory / "artifacts/masks.safetensors")
    with torch.no_grad():
        for name, mask in masks.items():
            module.get_parameter(name).mul_(mask)
    text = perp_text(view)

    ids = windows(perp_runs.tokenizer(), text, 16, 4)

    assert view.summary.result["ppl_pruned"] == pytest.approx(perplexity(module, ids), rel=1e-3)


def perp_text(view) -> str:
    from iterun.data.text import local

    return local(path=view.config["data"]["path"]).text("test")


@pytest.mark.parametrize("model", ["opt", "llama"])
def test_resumed_equals_uninterrupted_from_every_checkpoint(model, done, tmp_path):
    whole = done(model)
    lines = [(line.i, line.metrics, line.labels) for line in whole.iterations()]

    for i in (0, 2, 4):
        resumed = go_on_from(whole, i, tmp_path / str(i))

        assert [(x.i, x.metrics, x.labels) for x in resumed.iterations()] == lines
        assert resumed.summary.result == whole.summary.result
        for name in ("masks.safetensors", "model/model.safetensors", "compact/structure.json"):
            parts = [view.directory / "artifacts" / name for view in (resumed, whole)]
            assert parts[0].read_bytes() == parts[1].read_bytes()


def test_dropout_and_parts_of_a_batch_resume_too(small, tmp_path):
    settings = ["task.lora_dropout=0.2", "task.accumulate=2", "task.metric=grad", "task.power=2"]
    whole = small(*settings, *EVERY_CHECKPOINT)

    resumed = go_on_from(whole, 2, tmp_path / "resumed")

    assert [x.metrics for x in resumed.iterations()] == [x.metrics for x in whole.iterations()]


def test_a_compact_model_is_pruned_further_and_by_other_systems(done, shelf, tmp_path):
    folder = done("opt").directory / "artifacts/compact"
    text = shelf / "text.txt"

    again = loraprune_runs.run(tmp_path / "again", folder, text)
    perp = perp_runs.run(tmp_path / "perp", folder, text, "task.mode=none", "task.stream=true")

    before = done("opt").summary.result["ppl_final"]
    assert again.iterations()[0].metrics["ppl_dense"] == pytest.approx(before, rel=1e-4)
    assert perp.summary.result["ppl_dense"] == pytest.approx(before, rel=1e-4)
    kept = json.loads((again.directory / "artifacts/compact/structure.json").read_text())
    first = json.loads((folder / "structure.json").read_text())
    assert len(kept["layers"][0]["channels"]) == 16
    assert set(kept["layers"][0]["channels"]) < set(first["layers"][0]["channels"])
    loaded = load(LanguageModel, PLACE, name="x", folder=str(perp.directory / "artifacts/model"))
    assert loaded.module(input_ids=torch.ones(1, 4, dtype=torch.long)).logits.isfinite().all()


def test_an_early_end_is_remarked_and_delivers_the_masks_of_that_step(small):
    view = small("stop.iterations=2")

    assert "ended after 4 of 10 steps" in (view.directory / "log.txt").read_text()
    assert view.summary.result["ratio_channels"] == view.iterations()[-1].metrics["ratio_channels"]
    assert (view.directory / "artifacts/compact/structure.json").is_file()


def test_a_share_of_less_than_one_head_is_remarked(small):
    view = small("task.ratio=0.3")

    assert "task.ratio=0.3 of 2 heads is less than one" in (view.directory / "log.txt").read_text()
    assert view.summary.result["ratio_heads"] == 0
    assert view.summary.result["ratio_channels"] == int(64 * 0.3) / 64


def test_a_loss_that_is_not_finite_diverges(small):
    view = small("task.lr=1e30")

    assert view.state == "diverged"
    assert "the loss is nan in iteration 1" in view.status.error


#: overrides -> what the message has to say
REFUSED = {
    ("task.ratio=1.0",): "task.ratio=1.0 is no share",
    ("task.ratio=-0.1",): "task.ratio=-0.1 is no share",
    ("task.init_ratio=0.6",): "task.init_ratio=0.6 is above task.ratio=0.5",
    ("task.warmup=0.8",): "task.warmup=0.8 and task.cooldown=0.2 leave no step",
    ("task.warmup=1.0",): "task.warmup=1.0 is no share",
    ("task.cooldown=-0.5",): "task.cooldown=-0.5 is no share",
    ("task.metric=taylor",): "task.metric=taylor",
    ("task.power=3",): "task.power=3",
    ("task.lora_r=0",): "task.lora_r=0 is too small",
    ("task.lora_alpha=0",): "task.lora_alpha=0",
    ("task.lora_dropout=1.0",): "task.lora_dropout=1.0 is no share",
    ("task.lr=0",): "task.lr=0",
    ("task.steps=0",): "task.steps=0 is too small",
    ("task.prune_freq=0",): "task.prune_freq=0 is too small",
    ("task.prune_freq=11",): "task.prune_freq=11 is more than all of task.steps=10",
    ("task.batch_size=0",): "task.batch_size=0 is too small",
    ("task.accumulate=0",): "task.accumulate=0 is too small",
    ("task.eval_windows=0",): "task.eval_windows=0 is too small",
    ("task.seqlen=1",): "task.seqlen=1 is too small",
    # What only model, text or both show:
    ("task.seqlen=64",): "sequences of 64 tokens; the model's context is 32",
    ("task.eval_seqlen=64",): "windows of 64 tokens; the model's context is 32",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused_with_the_parameter_and_a_hint(line, small, tmp_path):
    with pytest.raises(ConfigError) as refused:
        small(*line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_status == 2
    assert not (tmp_path / "run").exists()


def test_a_model_with_nothing_but_protected_blocks_is_refused(small, shelf):
    if not (shelf / "single").exists():
        perp_runs.save(perp_runs.opt(1), shelf / "single")

    with pytest.raises(ConfigError, match="the last, which is never pruned"):
        small(model="single")


def test_every_fault_is_told_at_once_and_leaves_no_directory(shelf, tmp_path):
    line = [*TINY, f"model={shelf / 'opt'}", f"data={shelf / 'text.txt'}"]
    line += ["task.ratio=2.0", "task.lr=-1", "--outputs", str(tmp_path / "outputs")]

    done = subprocess.run(
        [sys.executable, "-m", "iterun", *line], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert "task.ratio=2.0 is no share" in done.stderr
    assert "task.lr=-1" in done.stderr
    assert not list((tmp_path / "outputs").rglob("run.json"))

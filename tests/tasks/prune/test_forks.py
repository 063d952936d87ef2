"""Forks of the prune family: what is done stands, and what is to come may change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import loraprune_runs
import lth_runs
import perp_runs
import pytest
import torch
from safetensors.torch import load_file
from task_runs import EVERY_CHECKPOINT, go_on_from, story
from transformers import AutoModelForCausalLM

from iterun.errors import ConfigError
from iterun.launch.fork import prepare
from iterun.models.lm import quiet_loading
from iterun.models.pruned import rebuild
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from pathlib import Path

RECONSTRUCT = ["task.mode=reconstruct", "task.criterion=wanda", "task.train=[norm,lora]"]
LINES = {
    "retrain": ["task.train=[norm,lora]", "task.steps=8"],
    "odd": ["task.steps=7"],
    "cycles": ["task.cycles=3", "task.train=[biases]", "task.steps=12"],
    "head": ["task.cycles=3", "task.train=[head]", "task.steps=6", "task.criterion=sparsegpt"],
    "reconstruct": RECONSTRUCT,
    "sparsegpt": [*RECONSTRUCT, "task.criterion=sparsegpt"],
    "none": ["task.mode=none"],
    "none-wanda": ["task.mode=none", "task.criterion=wanda"],
    "loraprune": [],
    "lth": ["task.controls=false"],
}


@pytest.fixture(scope="module")
def parent(shelf, tmp_path_factory):
    """A whole run with all its checkpoints, made once; not to be changed."""
    made: dict[str, RunView] = {}
    folder = tmp_path_factory.mktemp("parents")

    def run(name: str) -> RunView:
        if name not in made:
            line = [*LINES[name], *EVERY_CHECKPOINT]
            if name == "lth":
                made[name] = lth_runs.run(folder / name, *line)
            else:
                runs = loraprune_runs if name == "loraprune" else perp_runs
                made[name] = runs.run(folder / name, shelf / "opt", shelf / "text.txt", *line)
        return made[name]

    return run


@pytest.fixture
def fork(parent, tmp_path):
    def run(name: str, at: int, *words: str) -> RunView:
        line = [*words, *EVERY_CHECKPOINT]
        ready = prepare(parent(name).directory, line, outputs=tmp_path, iteration=at, argv=[])
        return RunView(ready.begin(lambda mode: lambda event: None).directory)

    return run


@pytest.fixture(scope="module")
def others(shelf: Path) -> Path:
    """A folder with `opt`, of other weights, and `text.txt`, another text."""
    folder = shelf / "others"
    if not folder.exists():
        model = perp_runs.opt()
        with torch.no_grad():
            model.lm_head.weight[1] += 1
        perp_runs.save(model, folder / "opt")
        words = (shelf / "text.txt").read_text().split()
        (folder / "text.txt").write_text(" ".join(reversed(words)))
    return folder


def metrics(view: RunView, name: str) -> list[float]:
    return [line.metrics[name] for line in view.iterations()[1:]]


#: parent, iteration, change -> what the message has to say
REFUSED = {
    ("retrain", 3, "task.steps_per_iteration=1"): "the state is of task.steps_per_iteration=2",
    ("retrain", 3, "task.sparsity=0.9"): "the state is of task.sparsity=0.7",
    ("retrain", 3, "task.tie_rule=reference"): "the state is of task.tie_rule=exact",
    ("retrain", 2, "task.mode=none"): "the state is of task.mode=retrain",
    ("retrain", 3, "task.train=[norm]"): "the state is of task.train=[norm,lora]",
    ("retrain", 3, "task.lora_type=scale_lora"): "the state is of task.lora_type=mask_lora",
    ("retrain", 3, "task.lora_alpha=128"): "the state is of task.lora_alpha=32",
    ("retrain", 3, "task.cycles=2"): "the state is of task.cycles=1",
    ("retrain", 3, "task.eval_seqlen=8"): "4 windows of 8 tokens, and the perplexities so far are",
    ("retrain", 3, "task.eval_windows=2"): "the perplexities so far are of 4 of 16",
    ("odd", 4, "task.steps=12"): "the state is of task.steps=7",
    ("cycles", 3, "task.steps=24"): "the state is of task.steps=12",
    ("cycles", 3, "task.sparsity=0.1"): "task.sparsity=0.1 is too small: the state is pruned to",
    ("reconstruct", 2, "task.mode=none"): "the state is of task.mode=reconstruct",
    ("reconstruct", 2, "task.lora_alpha=128"): "the state is of task.lora_alpha=32",
    ("reconstruct", 2, "task.n_calibration=8"): "the state is of task.n_calibration=4",
    ("none", 2, "task.mode=reconstruct"): "the state is of task.mode=none",
    ("loraprune", 2, "task.ratio=0.2"): "task.ratio=0.2 is too small: 26 of 64 channels",
    ("loraprune", 2, "task.cooldown=0.7"): "masks would shrink for the last time at step 3, and 4",
    ("loraprune", 2, "task.prune_freq=1"): "the state is of task.prune_freq=2",
    ("loraprune", 2, "task.lora_alpha=64"): "the state is of task.lora_alpha=4",
    ("loraprune", 2, "task.lora_r=4"): "the state is of task.lora_r=2",
    ("loraprune", 2, "task.eval_seqlen=8"): "the perplexities so far are of 4 of 16",
    ("loraprune", 4, "task.ratio=0.8"): "the state is of task.ratio=0.5",
    ("loraprune", 4, "task.metric=random"): "the state is of task.metric=lora",
    ("lth", 2, "task.rewind=10"): "the state is of task.rewind=6",
    ("lth", 2, "task.steps=80"): "the state is of task.steps=56",
    ("lth", 2, "task.batch_size=16"): "the state is of task.batch_size=32",
    ("lth", 2, "task.compare_rewinds=[0,20]"): "has no step 20 in the state",
    ("lth", 2, "model.width=16"): "model=mlp6x64: the state is of another net",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: " ".join(map(str, case)))
def test_a_fork_that_does_not_fit_what_is_done_is_refused(case, fork, tmp_path):
    name, at, change = case

    with pytest.raises(ConfigError) as refused:
        fork(name, at, change)

    assert REFUSED[case] in refused.value.message
    assert refused.value.hint
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize(("name", "at"), [("retrain", 3), ("reconstruct", 2), ("loraprune", 2)])
def test_a_fork_to_another_model_or_held_out_text_is_refused(name, at, fork, others):
    for setting, file, what in (
        ("model", "opt", "the state is of other weights"),
        ("data", "text.txt", "the perplexities so far are of another text"),
        ("data@eval_data", "text.txt", "the perplexities so far are of another text"),
    ):
        with pytest.raises(ConfigError) as refused:
            fork(name, at, f"{setting}={others / file}")

        assert refused.value.message == f"{setting}={others / file}: {what}"


def test_a_fork_may_train_on_another_text_but_not_calibrate(parent, fork, shelf, others):
    split = [f"data={others / 'text.txt'}", f"data@eval_data={shelf / 'text.txt'}"]

    assert metrics(fork("retrain", 3, *split), "loss") != metrics(parent("retrain"), "loss")
    with pytest.raises(ConfigError, match=r"text\.txt: the calibration windows so far are others"):
        fork("reconstruct", 2, *split)


def test_a_fork_of_lth_to_other_pictures_is_refused(fork, monkeypatch):
    from iterun.data import digits

    monkeypatch.setattr(digits, "digest", lambda *parts: "another")

    with pytest.raises(ConfigError, match="data=: the accuracies so far are of other pictures"):
        fork("lth", 2, "task.lr=0.01")


ALLOWED = [
    ("retrain", 3, ["task.lr=1e-4"]),
    ("retrain", 3, ["task.steps=12"]),
    ("retrain", 3, ["schedule=cosine", "task.batch_size=4", "task.seqlen=8"]),
    ("cycles", 3, ["task.sparsity=0.9"]),
    ("reconstruct", 2, ["task.steps=8", "task.train=[biases]"]),
    ("reconstruct", 2, ["task.sparsity=0.5", "task.pattern='2:4'"]),
    ("reconstruct", 2, ["backend.dtype=bfloat16"]),
    ("none-wanda", 2, ["task.criterion=magnitude"]),
    ("loraprune", 2, ["task.ratio=0.8", "task.lora_dropout=0.2", "task.lr=1e-3"]),
    ("loraprune", 4, ["task.steps=20"]),
    ("lth", 2, ["task.p=0.5", "task.levels=4", "task.lr=0.01", "task.measure_every=null"]),
]


@pytest.mark.parametrize(("name", "at", "words"), ALLOWED, ids=str)
def test_a_fork_may_change_what_is_to_come(name, at, words, parent, fork):
    before = story(parent(name))

    view = fork(name, at, *words)

    assert view.state == "completed"
    assert story(view)[: at + 1] == before[: at + 1]
    assert story(view)[at + 1 :] != before[at + 1 :]


def test_a_longer_retraining_has_the_rates_of_its_own_course(fork):
    """Of 12 steps one warms up; from then on the rate falls by 1/12 a step."""
    lr = metrics(fork("retrain", 3, "task.steps=12", "task.lr=1.2"), "lr")[3:]

    assert lr == pytest.approx([0.5, 0.3, 0.1])


@pytest.mark.parametrize("criterion", ["random", "wanda", "magnitude"])
def test_a_cycle_with_another_criterion_is_resumed_and_rebuilt_as_it_was(
    criterion, fork, shelf, tmp_path
):
    """A mask may keep what the one before removed; a head's file takes the place of the others."""
    view = fork(*(("head", 1) if criterion == "magnitude" else ("cycles", 3)),
                f"task.criterion={criterion}")  # fmt: skip
    saved = load_file(view.directory / "artifacts/model/model.safetensors")

    last = view.iterations()[-1].i
    again = go_on_from(view, last - 1, tmp_path / "again")
    module = loaded(shelf / "opt")
    files = [f"{name}.safetensors" for name in ("masks", "retrained", "updated")]
    rebuild(module, *(view.directory / "artifacts" / name for name in files))

    assert story(again) == story(view)
    for name, tensor in saved.items():
        torch.testing.assert_close(module.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def loaded(folder: Path) -> torch.nn.Module:
    with quiet_loading():
        return AutoModelForCausalLM.from_pretrained(folder)


def test_a_criterion_that_begins_to_look_at_data_sees_what_comes_out_of_the_blocks_done(
    parent, fork, monkeypatch
):
    """As if the windows had gone through block 0 and 1 from the start, and the file is there."""
    late = fork("none", 2, "task.criterion=wanda")
    early = parent("none-wanda")

    name = "calibration.safetensors"
    files = [view.directory / "artifacts" / name for view in (late, early)]
    assert files[0].read_bytes() == files[1].read_bytes()
    masks = [load_file(v.directory / "artifacts/masks.safetensors") for v in (late, parent("none"))]
    changed = [n for n in masks[0] if not torch.equal(masks[0][n], masks[1][n])]
    assert {n.split(".")[3] for n in changed} == {"2"}
    assert expected_of_block_2(late, parent("none")) == {n: masks[0][n].tolist() for n in changed}


def expected_of_block_2(late: RunView, before: RunView) -> dict[str, list]:
    """Wanda's masks of block 2 by hand: the model with blocks 0 and 1 pruned, run over windows."""
    module = loaded(before.directory / "artifacts/model")
    dense = loaded(late.config["model"]["folder"])
    block = module.model.decoder.layers[2]
    block.load_state_dict(dense.model.decoder.layers[2].state_dict())
    ids = load_file(late.directory / "artifacts/calibration.safetensors")["input_ids"]
    found = {}

    def see(name, layer, args):
        norms = args[0].flatten(0, -2).square().sum(0).sqrt()
        scores = layer.weight.abs() * norms
        n = int(scores.shape[1] * 0.7)
        kept = torch.ones_like(scores, dtype=torch.uint8)
        found[name] = kept.scatter(1, scores.argsort(1)[:, :n], 0).tolist()

    for name, layer in block.named_modules():
        if isinstance(layer, torch.nn.Linear):
            full = f"model.decoder.layers.2.{name}.weight"
            layer.register_forward_pre_hook(lambda layer, args, name=full: see(name, layer, args))
    with torch.no_grad():
        module(ids)
    return found


def test_perplexity_of_the_pruned_is_left_out_where_a_block_s_pruned_weights_are_lost(fork):
    view = fork("sparsegpt", 2, "task.criterion=wanda")

    assert set(view.summary.result) == {"ppl_dense", "ppl_final"}


def test_an_arm_may_be_left_out_by_a_fork(fork, parent):
    view = fork("lth", 2, "task.compare_rewinds=[]")

    last, before = view.iterations()[-1].metrics, parent("lth").iterations()[-1].metrics
    assert not any(name.endswith("_k0") for name in last)
    assert all(before[name] == value for name, value in last.items() if name != "steps")


def test_levels_to_come_are_counted_from_what_is_left(fork):
    """583 of 912 are left, of which every level takes one."""
    with pytest.raises(ConfigError, match="level 585 would leave none of 583 weights"):
        fork("lth", 2, "task.p=0.001", "task.levels=600")

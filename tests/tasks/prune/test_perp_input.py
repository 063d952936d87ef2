"""Bad input of prune/perp: one sentence that names the parameter, a hint, exit status 2."""

from __future__ import annotations

import subprocess
import sys

import loraprune_runs
import perp_runs
import pytest
import torch
from perp_runs import TINY
from safetensors.torch import save_file

from iterun.errors import ConfigError

BLOCKS = ["task.mode=reconstruct"]
#: overrides -> what the message has to say
REFUSED = {
    ("task.sparsity=1.0",): "task.sparsity=1.0 is not a share",
    ("task.sparsity=-0.1",): "task.sparsity=-0.1 is not a share",
    ("task.pattern='2:4'",): "task.pattern=2:4 has sparsity 0.5, not 0.7",
    ("task.pattern='1:4'", "task.sparsity=0.25"): "task.pattern=1:4 does not say if 1",
    ("task.pattern=square",): "task.pattern=square is not a pattern",
    ("task.criterion=wonda",): "task.criterion=wonda",
    ("task.mode=retrian",): "task.mode=retrian",
    ("task.tie_rule=coin",): "task.tie_rule=coin",
    ("task.wanda_scope=block",): "task.wanda_scope=block",
    ("task.train=[bias]",): "task.train=bias is unknown",
    ("task.train=[]",): "task.train=[] trains nothing",
    ("task.train=[full,norm]",): "full holds all the others",
    ("task.lora_type=dora",): "task.lora_type=dora",
    ("task.lora_r=0",): "task.lora_r=0 is no rank",
    ("task.lora_alpha=0",): "task.lora_alpha=0",
    ("task.lr=0",): "task.lr=0",
    ("task.train=[lora]", "task.lora_type=lora"): "task.lora_type=lora cannot be merged",
    ("task.train=[biases]", "task.merge=false"): "task.merge=false is for plain LoRA",
    ("task.steps=0",): "task.steps=0 is too small",
    ("task.batch_size=0",): "task.batch_size=0 is too small",
    ("task.cycles=0",): "task.cycles=0 is too small",
    ("task.cycles=5",): "task.cycles=5 cycles cannot share 4 steps",
    ("task.cycles=2", "task.pattern='2:4'", "task.sparsity=0.5"): "task.cycles=2 needs a sparsity",
    ("task.cycles=2", *BLOCKS): "task.cycles=2 is for task.mode=retrain",
    ("task.train=[head]", *BLOCKS): "task.train=head cannot take part",
    ("task.stream=true",): "task.stream=true: retraining needs the whole model",
    ("task.percdamp=0",): "task.percdamp=0",
    ("task.percdamp=nan",): "task.percdamp=nan does not damp",
    ("task.percdamp=inf",): "task.percdamp=inf does not damp",
    ("task.eval_seqlen=1",): "task.eval_seqlen=1 is too small",
    ("task.calibration=there.safetensors",): "task.calibration=there.safetensors names no file",
    # What only model, text or file show:
    ("task.calibration=file:there.safetensors",): "there is no such file",
    ("task.eval_seqlen=64",): "windows of 64 tokens; the model's context is 32",
    ("task.seqlen=64",): "task.seqlen gives windows of 64 tokens; the model's context is 32",
    ("task.calibration_len=64", *BLOCKS): "windows of 64 tokens; the model's context is 32",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused_with_the_parameter_and_a_hint(line, perp, tmp_path):
    with pytest.raises(ConfigError) as refused:
        perp("run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint
    assert refused.value.exit_status == 2
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("mode", [("task.cycles=2",), BLOCKS], ids=["cycles", "blocks"])
def test_a_schedule_that_cannot_be_read_is_told_before_anything_is_measured(mode, perp, tmp_path):
    file = tmp_path / "bad.csv"
    file.write_text("step,multiplier\n0,abc\n")

    with pytest.raises(ConfigError, match=r"bad\.csv is no CSV file"):
        perp("run", *mode, "schedule=file", f"schedule.path={file}")
    assert not (tmp_path / "run").exists()


def test_columns_that_do_not_divide_name_the_matrix(perp, shelf):
    """fc2 of the wide model has 36 inputs, which do not divide by 8."""
    folder = shelf / "odd"
    if not folder.exists():
        perp_runs.save(perp_runs.opt(1, ffn_dim=36), folder)
    with pytest.raises(ConfigError, match=r"fc2.weight has 36 columns, which do not divide by 8"):
        perp("run", "task.pattern='4:8'", "task.sparsity=0.5", model="odd")


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_model_without_known_blocks_lists_the_families(stream, perp, shelf):
    from transformers import GPT2Config, GPT2LMHeadModel

    folder = shelf / "gpt2"
    if not folder.exists():
        config = GPT2Config(vocab_size=60, n_embd=16, n_layer=1, n_head=2, n_positions=32)
        perp_runs.save(GPT2LMHeadModel(config), folder)
    with pytest.raises(ConfigError, match="no transformer blocks") as refused:
        perp("run", "task.mode=none", f"task.stream={stream}", model="gpt2")

    assert "OPT, Llama" in refused.value.hint


def test_a_model_without_any_of_the_subsets_is_refused(perp):
    with pytest.raises(ConfigError, match=r"task.train=\[biases\] trains nothing"):
        perp("run", "task.train=[biases]", model="llama")


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"ids": torch.zeros(2, 8)}, "holds no tensor input_ids"),
        ({"input_ids": torch.zeros(2, 8)}, "torch.float32 of shape"),
        ({"input_ids": torch.zeros(8, dtype=torch.long)}, "of shape"),
        ({"input_ids": torch.full((2, 8), 99)}, "holds the token 99; the model knows 60"),
        ({"input_ids": torch.zeros(2, 40, dtype=torch.long)}, "context is 32"),
    ],
)
def test_a_calibration_file_that_does_not_fit_is_refused(tensors, message, perp, tmp_path):
    save_file(tensors, tmp_path / "c.safetensors")

    with pytest.raises(ConfigError, match=message):
        perp("run", *BLOCKS, f"task.calibration='file:{tmp_path / 'c.safetensors'}'")


@pytest.mark.parametrize("run", [perp_runs.run, loraprune_runs.run])
def test_a_text_with_nothing_to_train_on_is_refused_before_any_work(run, shelf, tmp_path):
    (tmp_path / "one.txt").write_text("w1")
    held_out = [f"data.{split}={shelf / 'text.txt'}" for split in ("dev", "test")]

    with pytest.raises(ConfigError, match="no document of the training split has two tokens"):
        run(tmp_path / "run", shelf / "opt", tmp_path / "one.txt", *held_out)

    assert not (tmp_path / "run").exists()


def test_a_text_shorter_than_a_window_is_refused(perp, shelf, tmp_path):
    (tmp_path / "short.txt").write_text("w1 w2 w3 w4 w5 w6 w7 w8 w9")

    with pytest.raises(ConfigError, match=r"task.eval_seqlen=16: the text to evaluate on has only"):
        perp_runs.run(tmp_path / "run", shelf / "opt", tmp_path / "short.txt")


def test_the_command_line_leaves_with_status_2_and_no_directory(shelf, tmp_path):
    line = [*TINY, f"model={shelf / 'opt'}", f"data={shelf / 'text.txt'}", "task.sparsity=1.5"]

    done = subprocess.run(
        [sys.executable, "-m", "iterun", *line, "--outputs", str(tmp_path / "outputs")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 2
    assert "task.sparsity=1.5 is not a share of the weights" in done.stderr
    assert not list((tmp_path / "outputs").rglob("run.json"))

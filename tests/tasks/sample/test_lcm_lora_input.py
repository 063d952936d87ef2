"""Bad input of sample/lcm_lora: one sentence that names the parameter, and a hint."""

from __future__ import annotations

import pytest
import torch
from hub_server import Repository, serving
from lcm_runs import DIGITS, USUAL
from safetensors.torch import save_file

from iterun.config.compose import compose, to_plain
from iterun.errors import ConfigError
from iterun.launch.check import checked
from iterun.launch.local import launch

#: overrides -> what the message has to say; seen before anything is loaded
REFUSED = {
    ("task.problem=fusion",): "task.problem=fusion",
    ("task.mode=distil",): "task.mode=distil",
    ("task.variant=qlora",): "task.variant=qlora",
    ("task.rounds=0",): "task.rounds=0 is not at least 1",
    ("task.steps_per_round=0",): "task.steps_per_round=0",
    ("task.lora_rank=0",): "task.lora_rank=0",
    ("task.lora_alpha=0",): "task.lora_alpha=0.0 is not above 0",
    ("task.lr=-1",): "task.lr=-1.0 is not above 0",
    ("task.batch=0",): "task.batch=0",
    ("task.loss=l1",): "task.loss=l1",
    ("task.huber_c=0",): "task.huber_c=0",
    ("task.ema=1",): "task.ema=1.0 is not from 0 to below 1",
    ("task.w_min=-1",): "task.w_min=-1",
    ("task.w_min=3", "task.w_max=2"): "task.w_max=2 is below task.w_min=3",
    ("task.solver_steps=30",): "task.solver_steps=30 is not a divisor of 1000",
    ("task.eval_steps=[]",): "task.eval_steps=[]",
    ("task.eval_steps=[0,4]",): r"task.eval_steps=[0,4] is not different numbers from 1 to",
    ("task.eval_steps=[4,4]",): r"task.eval_steps=[4,4]",
    ("task.eval_steps=[51]",): r"task.eval_steps=[51]",
    ("task.steps=0",): "task.steps=0 is not from 1 to task.solver_steps=50",
    ("task.steps=51",): "task.steps=51",
    ("task.guidance_scale=0.5",): "task.guidance_scale=0.5 is not at least 1",
    ("task.guidance_scale=inf",): "task.guidance_scale=inf",
    ("task.images=1",): "task.images=1",
    ("task.pool=0",): "task.pool=0",
    ("task.labels=[]",): "task.labels=[]",
    ("task.labels=[-1]",): "task.labels=[-1] is not numbers from 0",
    ("task.prompt=''",): "task.prompt= is not words",
    ("task.save_every=0",): "task.save_every=0",
    ("task.mode=distill", "task.lora=a/b"): "task.lora=a/b is of task.mode=sample",
    ("task.c=1",): "task.c=1.0 is not between 0 and 1",
    ("task.thickness=0",): "task.thickness=0",
    ("task.cells=0",): "task.cells=0",
    ("task.order=3",): "task.order=3 is not even, at least 2",
    ("task.tol=0",): "task.tol=0",
    ("task.tol=1e-16",): "task.tol=1e-16 is not at least 1e-12",
    ("model.train_step=1",): "digits-diffusion has no setting train_step",
    (
        "model=opt-mini",
    ): "model=opt-mini serves as lm, and sample/lcm_lora needs the kind diffusion",
}
#: the same; seen once the model is known, before it is trained
UNFIT = {
    ("task.labels=[3,10]",): "task.labels=[3,10]: model=digits-diffusion takes numbers from 0 to 9",
    ("task.prompt=seven",): "task.prompt=seven: model=digits-diffusion takes no words",
    ("task.mode=distill", "task.variant=full", "task.labels=[12]"): "task.labels=[12]",
    ("task.mode=sample",): "model=digits-diffusion has no ready adapter",
    ("task.lora=file:nowhere.safetensors",): "there is no safetensors file nowhere.safetensors",
    ("task.lora=nowhere",): "task.lora=nowhere: there is no safetensors file nowhere",
}


def typed(part):
    return " ".join(part) if isinstance(part, tuple) else ""


def refusal(directory, *overrides):
    config = to_plain(compose([*USUAL, *overrides]))
    with pytest.raises(ConfigError) as caught:
        launch(
            config, directory=directory, outputs=directory.parent, argv=[],
            listener=lambda event: None,
        )  # fmt: skip
    return caught.value


@pytest.mark.parametrize(("line", "said"), REFUSED.items(), ids=typed)
def test_a_bad_parameter_is_refused_before_anything_is_loaded(line, said):
    with pytest.raises(ConfigError) as caught:
        checked(to_plain(compose([*USUAL, *line])))

    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("line", "said"), UNFIT.items(), ids=typed)
def test_what_the_model_does_not_fit_leaves_no_run(tmp_path, monkeypatch, line, said):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))

    error = refusal(tmp_path / "run", *DIGITS, *line)

    assert said in error.message
    assert error.hint
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache/models").exists()


@pytest.mark.parametrize(
    ("setting", "without"), [("task.guidance_scale=2", 1), ("task.w_max=3", 0)]
)
def test_a_model_without_conditions_is_not_guided(tmp_path, setting, without):
    error = refusal(tmp_path / "run", "model=pictures-diffusion", setting)

    assert f"{setting}: model=pictures-diffusion takes no condition" in error.message
    assert error.hint == f"{setting.partition('=')[0]}={without}"


@pytest.mark.parametrize("name", ["./adapter.safetensors", "adapter.safetensors", "some/folder"])
def test_a_file_is_an_adapter_only_where_it_is_marked(tmp_path, monkeypatch, name):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some/folder").mkdir(parents=True)
    save_file({"weight": torch.zeros(2)}, tmp_path / "adapter.safetensors")

    error = refusal(tmp_path / "run", *DIGITS, f"task.lora={name}")

    assert f"task.lora={name} is on this disk" in error.message
    assert error.hint == f"task.lora=file:{name}"
    assert not (tmp_path / "cache/models").exists()


def test_an_adapter_of_the_hub_is_read_before_the_model_is_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    published = Repository({"pytorch_lora_weights.safetensors": b"torn"})
    with serving({"tiny/lora": published}) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)

        error = refusal(tmp_path / "run", *DIGITS, "task.lora=tiny/lora")

    assert "task.lora=tiny/lora cannot be read" in error.message
    assert not (tmp_path / "cache/models").exists()


def test_a_schedule_to_sample_with_is_refused_before_the_model_is_trained(tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))

    error = refusal(tmp_path / "run", *DIGITS, "task.mode=sample", "schedule=cosine")

    assert error.message == "schedule= sets nothing here: task.mode=sample trains nothing"
    assert not (tmp_path / "cache/models").exists()


def test_a_file_that_is_no_adapter_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    (tmp_path / "torn.safetensors").write_bytes(b"torn")

    other = refusal(tmp_path / "run", *DIGITS, f"task.lora=file:{tmp_path}/other.safetensors")
    torn = refusal(tmp_path / "run", *DIGITS, f"task.lora=file:{tmp_path}/torn.safetensors")

    assert "holds no adapters of this kind" in other.message
    assert "torn.safetensors cannot be read" in torn.message
    assert not (tmp_path / "cache/models").exists()

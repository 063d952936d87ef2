"""sample/lcm_lora on pipelines in the folder format of diffusers: distill, then sample with it."""

from __future__ import annotations

import dds_runs
import lcm_runs
import pytest
import torch
from lcm_runs import forked, run
from PIL import Image
from safetensors.torch import load_file
from task_runs import EVERY_CHECKPOINT, artifacts, go_on_from, story
from tiny_pipeline import tiny_pipeline

from iterun.errors import ConfigError

pytestmark = [pytest.mark.slow, pytest.mark.long]
SMALL = [
    "task.mode=distill", "task.rounds=3", "task.steps_per_round=2", "task.batch=2",
    "task.lora_rank=2", "task.pool=3", "task.images=2", "task.steps=2", "task.w_min=1",
    "task.w_max=2", "task.prompt=[a cat,a dog]",
]  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    return tiny_pipeline(tmp_path_factory.mktemp("pipelines") / "sd")


@pytest.fixture(scope="module")
def distilled(pipeline, tmp_path_factory):
    folder = tmp_path_factory.mktemp("distilled")
    return run(folder / "run", *line(pipeline), *SMALL, *EVERY_CHECKPOINT)


def line(folder):
    return ["model=diffusers", f"model.folder={folder}"]


def sampling(pipeline, distilled, *more):
    adapter = distilled.directory / "artifacts/adapter.safetensors"
    return [*line(pipeline), f"task.lora=file:{adapter}", "task.images=3", "task.steps=3", *more]


def test_a_pipeline_is_distilled_on_samples_of_its_own(distilled):
    rounds = story(distilled)[1:]
    pool = load_file(distilled.directory / "artifacts/pool.safetensors")

    told = {"loss", "grad_norm", "grad_norm_l1", "trainable", "nfe"}
    assert all(set(metrics) == told for _, metrics, _ in rounds)
    assert all(metrics["loss"] > 0 for _, metrics, _ in rounds)
    assert pool["x"].shape == (3, 4, 8, 8)
    assert pool["label"].tolist() == [0, 1, 0]
    with Image.open(distilled.directory / "artifacts/0003/grid.png") as grid:
        assert grid.mode == "RGB"


def test_its_adapter_is_one_that_diffusers_loads(distilled, pipeline):
    from diffusers import StableDiffusionPipeline

    file = distilled.directory / "artifacts/adapter.safetensors"
    pipe = StableDiffusionPipeline.from_pretrained(pipeline)
    pipe.load_lora_weights(str(file.parent), weight_name=file.name)

    saved = load_file(file)
    loaded = pipe.unet.state_dict()
    name = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q"
    key = next(key for key in loaded if key.startswith(name) and "lora_A" in key)
    assert torch.equal(saved[f"unet.{name}.lora_A.weight"], loaded[key])


def test_resumed_in_mid_distillation_equals_uninterrupted(distilled, tmp_path):
    again = go_on_from(distilled, 1, tmp_path / "again")

    assert story(again) == story(distilled)
    assert artifacts(again) == artifacts(distilled)


def test_sampling_resumed_and_forked_in_the_middle_equals_uninterrupted(
    pipeline, distilled, tmp_path
):
    view = run(tmp_path / "whole", *sampling(pipeline, distilled), *EVERY_CHECKPOINT)

    again = go_on_from(view, 2, tmp_path / "again")

    assert [metrics["nfe"] for _, metrics, _ in story(view)] == [1, 2, 3]
    assert story(again) == story(view) == story(forked(view, 1, tmp_path))
    assert artifacts(again) == artifacts(view)


def test_sampling_is_diffusers_own_loop(pipeline, distilled, tmp_path):
    """The pipeline's call with LCMScheduler, given the noise that the run drew."""
    from diffusers import LCMScheduler, StableDiffusionPipeline

    from iterun.ops.rng import Generators

    words = sampling(pipeline, distilled, "task.images=2", "task.steps=1", "task.prompt=a cat")
    view = run(tmp_path / "one", *words)
    ours = load_file(view.directory / "artifacts/samples.safetensors")["x"]
    pipe = StableDiffusionPipeline.from_pretrained(pipeline)
    pipe.set_progress_bar_config(disable=True)
    pipe.load_lora_weights(
        str(distilled.directory / "artifacts"), weight_name="adapter.safetensors"
    )
    pipe.scheduler = LCMScheduler.from_config(pipe.scheduler.config)
    noise = torch.randn((2, 4, 8, 8), generator=Generators(0).torch("sample"))

    theirs = pipe(
        ["a cat"] * 2,
        num_inference_steps=1,
        guidance_scale=1.0,
        latents=noise,
        output_type="latent",
    ).images

    assert torch.allclose(ours, theirs, atol=1e-4)


def test_a_network_of_pixels_without_labels_is_distilled_too(tmp_path):
    folder = dds_runs.unet(tmp_path / "unet")
    small = [*SMALL[:-3], "task.w_min=0", "task.w_max=0"]

    view = run(tmp_path / "run", "model=unet", f"model.folder={folder}", *small)

    assert story(view)[-1][1]["loss"] > 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["task.labels=[1]", "task.lora=a/b"], "takes words, not labels"),
        (["task.mode=distill", "task.variant=full"], "only adapters are distilled"),
        ([], "has no ready adapter"),
    ],
)
def test_what_a_pipeline_does_not_take_is_refused_before_it_is_loaded(tmp_path, words, said):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')

    with pytest.raises(ConfigError, match=said):
        lcm_runs.run(tmp_path / "run", *line(tmp_path), *words)

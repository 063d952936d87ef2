"""Pipelines of diffusers as diffusion models: the same numbers as diffusers' own."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_pipeline import tiny_pipeline

from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.diffusion import load
from iterun.types import DiffusionModel, LanguageModel, WordConditioned

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_pipeline(tmp_path_factory.mktemp("pipelines") / "sd")


def prepared(folder, place):
    model = load(DiffusionModel, place, name="tiny", folder=str(folder))
    model.prepare(lambda items, label: iter(items))
    return model


def inputs():
    draw = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 8, 8, generator=draw), torch.tensor([999, 19]), torch.tensor([1, 0])


def test_it_is_what_its_protocols_say(folder, place):
    model = prepared(folder, place)

    assert isinstance(model, DiffusionModel)
    assert isinstance(model, WordConditioned)
    assert (model.shape, model.n_labels) == ((4, 8, 8), 1)
    assert model.alphas_bar.shape == (1000,)
    assert not any(value.requires_grad for value in model.module.parameters())


def test_the_noise_is_the_unets_given_the_prompts(folder, place):
    model, (x, t, label) = prepared(folder, place), inputs()
    model.describe(["a cat", "a dog"])
    encode = model.pipe.encode_prompt
    words = [encode(p, "cpu", 1, False)[0] for p in ("a dog", "a cat")]

    wanted = model.module(x, t, encoder_hidden_states=torch.cat(words)).sample

    assert torch.equal(model.eps(x, t, label), wanted)
    assert not torch.allclose(model.eps(x, t, label), model.eps(x, t, 1 - label))


def test_no_condition_is_the_empty_prompt(folder, place):
    model, (x, t, _) = prepared(folder, place), inputs()
    model.describe(["a cat"])
    nothing = model.eps(x, t, torch.tensor([1, 1]))
    model.describe([""])

    assert torch.allclose(nothing, model.eps(x, t, torch.tensor([0, 0])), atol=1e-6)


def test_a_network_that_predicts_v_is_read_as_noise(tmp_path, place):
    """v = sqrt(ᾱ) n - sqrt(1 - ᾱ) x, so that x̂ of it is sqrt(ᾱ) z - sqrt(1 - ᾱ) v."""
    model, (z, t, label) = (
        prepared(tiny_pipeline(tmp_path / "v", prediction_type="v_prediction"), place),
        inputs(),
    )
    words = model.pipe.encode_prompt("", "cpu", 1, False)[0].repeat(2, 1, 1)
    v = model.module(z, t, encoder_hidden_states=words).sample
    a = model.alphas_bar[t].reshape(-1, 1, 1, 1)

    eps = model.eps(z, t, 0 * label)

    clean = (z - (1 - a).sqrt() * eps) / a.sqrt()
    assert torch.allclose(clean, a.sqrt() * z - (1 - a).sqrt() * v, atol=2e-4)


def test_pictures_are_the_autoencoders(folder, place):
    model, (x, _, _) = prepared(folder, place), inputs()

    pictures = model.decode(x)

    wanted = model.pipe.vae.decode(x / model.pipe.vae.config.scaling_factor).sample
    assert torch.allclose(pictures, ((wanted + 1) / 2).clamp(0, 1), atol=1e-5)


def test_an_adapter_of_ours_is_one_for_diffusers_and_back(folder, place, tmp_path):
    ours, theirs = prepared(folder, place), prepared(folder, place)
    (x, t, _), label = inputs(), torch.tensor([0, 0])
    plain = ours.eps(x, t, label)
    draw = torch.Generator().manual_seed(1)
    for name, value in adapters.put_on(ours.module, ours.lora_targets, 2, 6, draw).items():
        if ".lora_B." in name:
            value.data.normal_(generator=draw)
    path = tmp_path / "adapter.safetensors"
    save_file(ours.adapter(adapters.tensors(ours.module)), path)

    theirs.load_lora(f"file:{path}")

    assert not torch.allclose(ours.eps(x, t, label), plain, atol=1e-2)
    assert torch.allclose(theirs.eps(x, t, label), ours.eps(x, t, label), atol=1e-4)
    assert len(load_file(path)) > 20


def test_an_adapter_that_does_not_fit_is_refused(folder, place, tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "other.safetensors")

    with pytest.raises(ConfigError, match=r"task\.lora=file:.* does not go with model=tiny"):
        prepared(folder, place).load_lora(f"file:{tmp_path}/other.safetensors")


def test_half_precision_is_computed_in_and_left_at_the_door(folder, place):
    half = dataclasses.replace(place, dtype="bfloat16")
    model, (x, t, _) = prepared(folder, half), inputs()

    noise = model.eps(x, t, torch.tensor([0, 0]))

    assert model.module.dtype == torch.bfloat16
    assert noise.dtype == model.decode(x).dtype == torch.float32


def test_a_damaged_pipeline_is_refused(tmp_path, place):
    torn = tiny_pipeline(tmp_path / "torn")
    (torn / "unet/diffusion_pytorch_model.safetensors").write_bytes(b"torn")

    with pytest.raises(ConfigError, match=r"model=tiny cannot be loaded from"):
        prepared(torn, place)


def test_another_class_of_pipelines_is_refused(tmp_path, place):
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')

    with pytest.raises(ConfigError, match="model=tiny is a FluxPipeline"):
        prepared(tmp_path, place)


def test_it_is_no_language_model(place):
    with pytest.raises(ConfigError, match="model=tiny is a diffusion pipeline"):
        load(LanguageModel, place, name="tiny", folder="x")

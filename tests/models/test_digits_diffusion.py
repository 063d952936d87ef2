"""The embedded diffusion model: trained once, kept, mended, and the same for every seed."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
import torch

from iterun.errors import ConfigError
from iterun.models import digits_diffusion
from iterun.models.digits_diffusion import load
from iterun.types import DiffusionModel, LanguageModel, SampleJudge, SelfTaught

QUICK = {"name": "digits-diffusion", "train_steps": 12, "classifier_steps": 12, "seed": 0}


class Shown:
    """Progress that counts what it was asked to show."""

    def __init__(self):
        self.labels = []

    def __call__(self, items, label):
        self.labels.append(label)
        return iter(items)


def prepared(form, place, **changes):
    model, shown = load(form, place, **QUICK | changes), Shown()
    model.prepare(shown)
    return model, shown.labels


def weights(model):
    return torch.cat([value.flatten() for value in model.module.state_dict().values()])


def test_the_denoiser_is_what_its_protocol_says(place):
    model, _ = prepared(DiffusionModel, place)
    x, t, label = torch.randn(3, 64), torch.tensor([0, 500, 999]), torch.tensor([0, 9, 10])

    noise = model.eps(x.requires_grad_(), t, label)

    assert isinstance(model, DiffusionModel)
    assert isinstance(model, SelfTaught)
    assert sum(value.numel() for value in model.module.parameters()) == 659_296
    assert noise.shape == (3, 64)
    assert torch.autograd.grad(noise.sum(), x)[0].shape == (3, 64)
    assert not any(value.requires_grad for value in model.module.parameters())


def test_samples_are_pictures_from_minus_1_to_1(place):
    model = load(DiffusionModel, place, **QUICK)
    pictures = torch.rand(2, 1, 8, 8)

    assert torch.allclose(model.decode(2 * pictures.flatten(1) - 1), pictures, atol=1e-6)


def test_the_judge_is_what_its_protocol_says(place):
    judge, _ = prepared(SampleJudge, place)
    x, y = judge.held_out()

    assert isinstance(judge, SampleJudge)
    assert (judge.features(x).shape, judge.logits(x).shape, y.shape) == (
        (360, 32),
        (360, 10),
        (360,),
    )


def test_a_model_is_trained_once_and_then_read(place):
    first, trained = prepared(DiffusionModel, place)
    again, read = prepared(DiffusionModel, place)

    assert [label.split(",")[0] for label in trained] == ["training the digits denoiser"]
    assert read == []
    assert torch.equal(weights(first), weights(again))


def test_training_again_gives_the_same_bits_and_leaves_torch_as_it_was(
    place, tmp_path, monkeypatch
):
    first, _ = prepared(DiffusionModel, place)
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "elsewhere"))
    torch.manual_seed(3)
    before, threads = torch.get_rng_state(), torch.get_num_threads()

    again, trained = prepared(DiffusionModel, place)

    assert trained
    assert torch.equal(weights(first), weights(again))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_another_recipe_is_another_model(place):
    first, _ = prepared(DiffusionModel, place)
    marks = {digits_diffusion.fingerprint(QUICK)}

    for change in ({"seed": 1}, {"train_steps": 13}, {"style": "bold", "tune_steps": 2}):
        other, trained = prepared(DiffusionModel, place, **change)
        marks.add(digits_diffusion.fingerprint(QUICK | change))
        assert len(trained) == 1
        assert not torch.equal(weights(first), weights(other))

    assert len(marks) == 4


def test_a_damaged_file_is_trained_again_with_a_warning(place, tmp_path, caplog):
    first, _ = prepared(DiffusionModel, place)
    (file,) = (tmp_path / "cache/models").glob("digits-denoiser-*/model.safetensors")
    file.write_bytes(file.read_bytes()[:1000])

    with caplog.at_level(logging.WARNING):
        again, trained = prepared(DiffusionModel, place)

    assert trained
    assert "cannot be read and is trained again" in caplog.text
    assert torch.equal(weights(first), weights(again))


@pytest.mark.slow
def test_two_processes_train_one_model(tmp_path):
    program = (
        "from iterun.models.digits_diffusion import Recipe, load_classifier as load\n"
        "told = []\n"
        "shown = lambda items, label: told.append(label) or iter(items)\n"
        "load(Recipe(train_steps=1, classifier_steps=150, seed=0), shown)\n"
        "print(len(told))\n"
    )

    children = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    assert sorted(child.communicate()[0].strip() for child in children) == ["0", "1"]
    assert len(list((tmp_path / "cache/models").glob("digits-classifier-*"))) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_steps": 0}, r"model\.train_steps=0 is not a whole number of at least 1"),
        ({"seed": -1}, r"model\.seed=-1"),
        ({"style": "italic"}, r"model\.style=italic is neither plain nor bold"),
    ],
)
def test_a_recipe_that_trains_nothing_is_refused(place, change, said):
    with pytest.raises(ConfigError, match=said):
        load(DiffusionModel, place, **QUICK | change)


def test_it_is_no_language_model(place):
    with pytest.raises(ConfigError, match=r"model=digits-diffusion is a diffusion model"):
        load(LanguageModel, place, **QUICK)

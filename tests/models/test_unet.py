"""Diffusion models of pixels: from a folder, from the hub, and what is refused."""

from __future__ import annotations

import json
import shutil

import hub_server
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel

from iterun.errors import ConfigError, UnavailableError
from iterun.models import unet
from iterun.models.pixels import pixels
from iterun.types import DiffusionModel, LanguageModel, Placement

PLACE = Placement(device="cpu", dtype="float32", threads=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = UNet2DModel(
            sample_size=8,
            in_channels=1,
            out_channels=2,  # noise and variance
            layers_per_block=1,
            block_out_channels=(8,),
            norm_num_groups=4,
            down_block_types=["DownBlock2D"],
            up_block_types=["UpBlock2D"],
        )
    model.save_pretrained(path)
    DDPMScheduler(1000, beta_start=1e-4, beta_end=0.02).save_pretrained(path)
    return path


def loaded(**settings):
    return unet.load(DiffusionModel, PLACE, name="unet", kinds=["diffusion"], **settings)


def test_a_folder_predicts_what_its_network_predicts(folder):
    model, network = loaded(folder=folder), UNet2DModel.from_pretrained(folder).eval()
    x, t = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([5, 7])

    found = model.eps(x, t, torch.zeros(2, dtype=torch.int64))

    with torch.no_grad():
        wanted = network(x, t).sample[:, :1]
    assert isinstance(model, DiffusionModel)
    assert model.shape == (1, 8, 8)
    assert found.allclose(wanted, atol=1e-5)
    assert not any(p.requires_grad for p in model.module.parameters())


def test_the_schedule_is_the_one_saved_beside_it(folder):
    betas = torch.linspace(1e-4, 0.02, 1000)

    assert loaded(folder=folder).alphas_bar.allclose((1 - betas).cumprod(0), rtol=1e-5)


def test_a_saved_pipeline_is_read_too(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "unet")
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "unet" / unet.SCHEDULE).rename(tmp_path / "scheduler" / unet.SCHEDULE)

    assert loaded(folder=tmp_path).shape == (1, 8, 8)


def test_samples_are_pictures_from_minus_1_to_1(folder):
    model, x = loaded(folder=folder), torch.tensor([[[[-1.0, -0.5, 1.0, 2.0]]]])

    assert model.decode(x).flatten().tolist() == [0.0, 0.25, 1.0, 1.0]


def test_gradients_flow_to_x(folder):
    x = torch.zeros(1, 1, 8, 8, requires_grad=True)

    noise = loaded(folder=folder).eps(x, torch.tensor([3]), torch.tensor([0]))

    (slope,) = torch.autograd.grad(noise.square().sum(), x)
    assert slope.abs().sum() > 0


def test_from_the_hub_only_safe_files_are_fetched(folder, monkeypatch, tmp_path):
    files = {**hub_server.files_of(folder), "diffusion_pytorch_model.bin": b"pickle"}
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with hub_server.serving({"tiny/ddpm": hub_server.Repository(files)}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)

        model = loaded(id="tiny/ddpm")

        assert torch.equal(model.alphas_bar, loaded(folder=folder).alphas_bar)
        assert not [request for request in hub.requests if ".bin" in request]


def test_without_network_the_embedded_models_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    with pytest.raises(UnavailableError) as refused:
        loaded(id="google/ddpm-cifar10-32")

    assert "google/ddpm-cifar10-32" in refused.value.message
    assert "model=digits-diffusion" in str(refused.value.hint)


def spoilt(folder, tmp_path, spoil):
    path = tmp_path / "spoilt"
    shutil.copytree(folder, path)
    spoil(path)
    return path


def rewrite(name, **changes):
    def spoil(path):
        content = json.loads((path / name).read_text())
        (path / name).write_text(json.dumps(content | changes))

    return spoil


def removed(name, **others):
    def spoil(path):
        (path / name).unlink()
        for other, text in others.items():
            (path / other.replace("_bin", ".bin")).write_text(text)

    return spoil


SPOILT = {
    "no config": (removed("config.json"), "has no config.json"),
    "another network": (rewrite("config.json", _class_name="UNet1DModel"), "holds a UNet1DModel"),
    "no weights": (removed(unet.WEIGHTS), "no weights"),
    "a pickle": (removed(unet.WEIGHTS, model_bin="x"), "a pickle"),
    "no schedule": (removed(unet.SCHEDULE), "has no scheduler_config.json"),
    "of velocity": (rewrite(unet.SCHEDULE, prediction_type="v_prediction"), "v_prediction"),
    "no size": (rewrite("config.json", sample_size=None), "has no sample_size"),
    "half a config": (lambda path: (path / "config.json").write_text("{"), "cannot be read"),
    "half a schedule": (lambda path: (path / unet.SCHEDULE).write_text("{"), "cannot be read"),
    "torn": (lambda path: (path / unet.WEIGHTS).write_bytes(b"torn"), "cannot be loaded"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_folder_that_is_no_such_model_is_refused(what, folder, tmp_path):
    spoil, said = SPOILT[what]

    with pytest.raises(ConfigError) as refused:
        loaded(folder=spoilt(folder, tmp_path, spoil))

    assert said in refused.value.message
    assert refused.value.hint


def test_neither_id_nor_folder_is_an_error_that_says_how():
    with pytest.raises(ConfigError, match="model=unet does not say which model"):
        loaded(id=None, folder=None)


def test_it_serves_as_a_diffusion_model_alone(folder):
    with pytest.raises(ConfigError, match="cannot serve as LanguageModel"):
        unet.load(LanguageModel, PLACE, name="unet", kinds=["diffusion"], folder=folder)


def test_the_fingerprint_is_of_the_content(folder, tmp_path):
    other = spoilt(folder, tmp_path, rewrite(unet.SCHEDULE, beta_end=0.03))
    shutil.copytree(folder, tmp_path / "same")

    found = [unet.fingerprint({"folder": str(p)}) for p in (folder, tmp_path / "same", other)]

    assert found[0] == found[1] != found[2]
    assert unet.fingerprint({"id": "a/b", "revision": None}) == "hub:a/b@main"


def test_the_embedded_model_is_small_and_for_the_embedded_pictures():
    model = loaded(asset="pictures-diffusion")

    assert model.shape == (1, 32, 32)
    assert (unet.ASSETS / "pictures-diffusion" / unet.WEIGHTS).stat().st_size < 1_000_000


def test_pictures_of_another_shape_are_refused(folder):
    from iterun.data.phantoms import ellipses

    with pytest.raises(ConfigError, match="pictures of 1 x 16 x 16 are none of model=unet"):
        pixels(loaded(folder=folder), ellipses(size=16))

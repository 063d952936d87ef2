"""Bad input of sample/dds: one sentence that names the parameter, a hint; complex pictures."""

from __future__ import annotations

import dds_runs
import numpy as np
import pytest
from dds_runs import run

from iterun.errors import ConfigError

#: overrides -> what the message has to say
REFUSED = {
    ("task.steps=0",): "task.steps=0 is not between 1 and 1000",
    ("task.steps=1001",): "task.steps=1001 is not between 1 and 1000",
    ("task.dps_steps=0",): "task.dps_steps=0 is not between",
    ("task.cg_iters=0",): "task.cg_iters=0 is too small",
    ("task.images=0",): "task.images=0 is too small",
    ("task.save_every=0",): "task.save_every=0 is too small",
    ("task.eta=1.5",): "task.eta=1.5 is not between 0 and 1",
    ("task.eta=-0.1",): "task.eta=-0.1 is not between 0 and 1",
    ("task.sigma_y=-1",): "task.sigma_y=-1.0 is no standard deviation",
    ("task.gamma=0",): "task.gamma=0.0 is not a number above 0",
    ("task.dps_scale=-1",): "task.dps_scale=-1.0 is not a number above 0",
    ("task.tv_weight=0",): "task.tv_weight=0.0 is not a number above 0",
    ("task.problem=derain",): "task.problem=derain",
    ("task.sampling=spiral",): "task.sampling=spiral",
    ("task.baselines=[ddrm]",): "task.baselines",
    ("task.measurements=0",): "task.measurements=0 is too small",
    ("task.coils=0",): "task.coils=0 is too small",
    ("task.angles=0",): "task.angles=0 is too small",
    ("task.acceleration=0.5",): "task.acceleration=0.5 would sample more",
    ("task.blur=0",): "task.blur=0.0 is no width",
    # What only the pictures show:
    ("task.images=201",): "task.images=201: data=digits-pictures has 200 to test on",
    ("task.measurements=65",): "task.measurements=65: a picture has 64 pixels",
    ("task.problem=superres", "task.factor=3"): "task.factor=3 does not divide",
    ("data=ellipses",): "data=ellipses: pictures of 1 x 32 x 32 are none of model=digits-diffusion",
    ("data=ellipses", "data.size=4"): "data.size=4",
    ("model=stable-diffusion-v1-5",): "model=stable-diffusion-v1-5 works on latents",
    ("data=stack",): "data=stack needs a file: data.path is empty",
    ("model=unet",): "model=unet does not say which model",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused_before_the_model_is_trained(line, tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))

    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("words", [("model=opt-mini",), ("data=pydoc",)], ids=str)
def test_models_and_data_of_other_kinds_are_refused_with_those_that_fit(words, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *words)

    told = refused.value.message + str(refused.value.hint)
    assert words[0] in told
    assert ("digits-diffusion" if "model" in words[0] else "digits-pictures") in told


def test_two_channels_are_a_complex_picture_and_no_grey_one(tmp_path):
    """A network of two channels takes complex slices; of grey ones the sentence says both."""
    network = ["model=unet", f"model.folder={dds_runs.unet(tmp_path / 'unet', channels=2)}"]
    draw = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", draw.normal(size=(5, 16, 16)) * np.exp(1j * draw.normal()))

    view = run(
        tmp_path / "run", *network, "data=stack", f"data.path={tmp_path / 'x.npy'}",
        "task.problem=mri", "task.baselines=[tv]",
    )  # fmt: skip

    assert view.state == "completed"
    with pytest.raises(ConfigError, match="pictures of 1 x 16 x 16 are none of model=unet"):
        run(tmp_path / "grey", *network, "data=ellipses", "data.size=16")


def test_a_judge_is_not_asked_of_a_model_without_conditions(tmp_path):
    folder = dds_runs.unet(tmp_path / "unet", size=8)

    view = run(tmp_path / "run", "model=unet", f"model.folder={folder}", "task.baselines=[]")

    assert "class_acc" not in list(view.iterations())[-1].metrics

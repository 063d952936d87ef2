"""Bad input of rlhf/curate: one sentence that names the parameter, and a hint."""

from __future__ import annotations

import pytest
from curate_runs import run

from iterun.errors import ConfigError

#: problem, overrides -> what the message has to say
REFUSED = {
    ("pictures", "task.rounds=0"): "task.rounds=0 is too small",
    ("pictures", "task.K=0"): "task.K=0 is too small",
    ("pictures", "task.kept=9"): "task.kept=9 is too small",
    ("pictures", "task.train_steps=0"): "task.train_steps=0 is too small",
    ("pictures", "task.batch=0"): "task.batch=0 is too small",
    ("pictures", "task.sample_steps=0"): "task.sample_steps=0 is too small",
    ("pictures", "task.save_every=0"): "task.save_every=0 is too small",
    ("pictures", "task.gamma=0"): "task.gamma=0.0 is not a number above 0",
    ("pictures", "task.gamma=300"): "task.gamma=300.0 is not below 300",
    ("pictures", "data=digits"): "data= sets nothing here: task.problem=pictures has its own data",
    ("gaussians", "data=digits"): "data= sets nothing here: task.problem=gaussians",
    ("gaussians", "schedule=cosine"): "schedule= sets nothing here: task.problem=gaussians takes",
    ("states", "schedule=cosine"): "schedule= sets nothing here: task.problem=states takes",
    ("pictures", "task.lr=-1"): "task.lr=-1.0 is not a number above 0",
    ("pictures", "task.real_share=1.5"): "task.real_share=1.5 is no share",
    ("pictures", "task.mixed_share=0"): "task.mixed_share=0.0 is no share above 0",
    ("pictures", "task.target=10"): "task.target=10 is no class of model=flow-digits",
    ("pictures", "task.target=-1"): "task.target=-1 is no class",
    ("pictures", "task.problem=cifar"): "task.problem=cifar",
    ("pictures", "model.train_steps=0"): "model.train_steps=0 is not a whole number",
    ("gaussians", "task.target=8"): "task.target=8 is none of the modes 0 to 7",
    ("gaussians", "task.target=null"): "task.target=null is none of the modes",
    ("states", "task.rewards=[1]"): "task.rewards=[1.0] is not two numbers",
    ("states", "task.rewards=[0,301]"): "task.rewards=[0.0,301.0] is not two numbers",
    ("states", "task.rewards=[0,nan]"): "task.rewards=[0.0,nan] is not two numbers",
    ("states", "task.probabilities=[0.5,0.5]"): "is not a number for each of the 4 states",
    ("states", "task.probabilities=[1,0,0,0]"): "is not made of numbers above 0",
    ("states", "task.probabilities=[0.2,0.2,0.2,0.2]"): "that sum to 1",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused_before_a_model_is_trained(line, tmp_path, monkeypatch):
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))

    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert refused.value.hint
    assert not (tmp_path / "cache").exists()


def test_models_of_other_kinds_are_refused_with_the_one_that_fits(tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", "states", "model=lenet")

    told = refused.value.message + str(refused.value.hint)
    assert "lenet" in told
    assert "flow-digits" in told


def test_pictures_need_a_model(tmp_path):
    with pytest.raises(ConfigError, match="model"):
        run(tmp_path / "run", "gaussians", "task.problem=pictures")

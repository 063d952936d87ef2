"""Composing: defaults, presets, the command line, names given directly."""

from pathlib import Path
from typing import Any

import pytest

from iterun.config.compose import KEYS, compose, to_plain
from iterun.errors import ConfigError


def plain(*overrides: str, config_dir: Path | None = None) -> dict[str, Any]:
    return to_plain(compose(overrides, config_dir=str(config_dir) if config_dir else None))


def test_a_family_runs_its_default_system() -> None:
    config = plain("task=prune")

    assert config["task"] == plain("task=prune/perp")["task"]
    assert config["task"]["about"]["system"] == "prune/perp"


def test_every_key_is_there_and_null_where_nothing_was_chosen() -> None:
    config = plain()

    assert set(KEYS) <= set(config)
    assert (config["eval_data"], config["seed"], config["tags"]) == (None, 0, [])
    assert "hydra" not in config


def test_the_model_of_the_line_wins_over_the_tasks() -> None:
    assert plain("task=prune")["model"]["name"] == "opt-mini"
    assert plain("task=prune", "model=opt-2.7b")["model"]["name"] == "opt-2.7b"
    assert plain("model=opt-2.7b", "task=prune")["model"]["name"] == "opt-2.7b"


def test_the_model_of_the_line_wins_over_an_experiments() -> None:
    config = plain("experiment=prune/perp-paper", "model=opt-125m", "task.sparsity=0.6")

    assert config["model"]["name"] == "opt-125m"
    assert config["eval_data"]["name"] == "wikitext2"
    assert (config["task"]["sparsity"], config["task"]["steps"]) == (0.6, 1000)


def test_other_data_to_evaluate_on_can_be_named() -> None:
    config = plain("data@eval_data=wikitext2")

    assert (config["data"]["name"], config["eval_data"]["name"]) == ("pydoc", "wikitext2")


def test_files_of_stop_rules_combine_and_values_are_laid_over_them() -> None:
    stop = plain("stop=[patience,budget]", "stop.seconds=9")["stop"]

    assert stop["patience"] is not None
    assert (stop["seconds"], stop["target"]) == (9, None)


def test_one_stop_rule_needs_no_brackets() -> None:
    assert plain("stop=patience") == plain("stop=[patience]")


def test_debug_tiny_shrinks_any_run() -> None:
    assert plain("debug=tiny")["stop"]["iterations"] == 2


def test_a_hub_id_is_a_model() -> None:
    model = plain("model=facebook/opt-125m", "model.revision=main")["model"]

    assert (model["name"], model["id"]) == ("facebook/opt-125m", "facebook/opt-125m")
    assert (model["kinds"], model["revision"]) == (["lm", "chat"], "main")


@pytest.mark.parametrize("form", ["./own", "{here}/own", "sub/own"])
def test_a_folder_is_a_model(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "sub" / "own").mkdir(parents=True)
    name = form.format(here=tmp_path)

    model = plain(f"model={name}")["model"]

    assert (model["name"], model["id"]) == (name, None)
    assert model["folder"] == str((tmp_path / name).absolute()).replace("/./", "/")


def test_a_text_file_is_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("words")

    config = plain("data=./words.txt", f"data@eval_data={tmp_path}/words.txt", "data.test=0.5")

    assert config["data"]["path"] == config["eval_data"]["path"] == str(tmp_path / "words.txt")
    assert (config["data"]["name"], config["data"]["test"]) == ("./words.txt", 0.5)


def test_a_users_folder_adds_to_every_group(tmp_path: Path) -> None:
    for name, text in {
        "task/own/first.yaml": "_target_: own.First\nx: 1\n",
        "model/lab/tiny.yaml": "_target_: lab.load\nname: tiny\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text)

    config = plain("task=own/first", "model=lab/tiny", config_dir=tmp_path)

    assert config["task"] == {"_target_": "own.First", "x": 1}
    assert config["model"]["_target_"] == "lab.load"


def test_a_config_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="--config-dir nowhere: there is no such folder"):
        compose([], config_dir="nowhere")


def test_an_interpolation_that_leads_nowhere_is_named() -> None:
    with pytest.raises(ConfigError, match="can't be resolved"):
        to_plain(compose(["tags=['${no.such.key}']"]))


def test_what_has_to_be_given_stays_marked() -> None:
    assert plain("seed=???")["seed"] == "???"

"""What there is to choose from, read from the YAML files without Hydra."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from iterun.config.locate import conf_dir
from iterun.config.menu import choices, families, read_choice, serving, task_files
from iterun.errors import ConfigError

TASK = """\
# A system. It does: nothing
defaults:
  - override /model@_global_.model: opt-mini
  - override /data@_global_.data: pydoc
  - _self_
_target_: own.system.Own
about: {system: own/first, cpu_seconds: 3}   # not a parameter
objective: {metric: ppl, goal: min}
rate: 0.1         # share of "live" weights; paper: 0.2
pattern: "2:4 # no comment"
words: [a, b]     # one
                  # and two
colour: '#fff'    # hex
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task" / "own").mkdir(parents=True)
    (tmp_path / "task" / "own" / "first.yaml").write_text(TASK)
    (tmp_path / "task" / "own.yaml").write_text("defaults:\n  - own/first@_here_\n")
    return tmp_path


def test_a_task_is_described_by_its_file(folder: Path) -> None:
    [info] = [info for info in task_files([folder]) if info.family == "own"]

    assert (info.name, info.system, info.target) == ("own/first", "first", "own.system.Own")
    assert (info.model, info.data, info.about["cpu_seconds"]) == ("opt-mini", "pydoc", 3)
    assert info.objective == {"metric": "ppl", "goal": "min"}


def test_parameters_come_with_value_and_comment(folder: Path) -> None:
    [info] = [info for info in task_files([folder]) if info.family == "own"]

    found = {name: (it.value, it.comment) for name, it in info.parameters.items()}
    assert found == {
        "rate": (0.1, 'share of "live" weights; paper: 0.2'),
        "pattern": ("2:4 # no comment", ""),
        "words": (["a", "b"], "one and two"),
        "colour": ("#fff", "hex"),
    }


def test_a_family_points_to_its_default(folder: Path) -> None:
    assert families([folder])["own"] == "own/first"
    assert families()["prune"] == "prune/perp"


def test_choices_are_the_files_of_a_group(folder: Path) -> None:
    assert {"prune", "prune/perp", "own", "own/first"} <= set(choices("task", [folder]))
    assert {"auto", "cpu", "gpu"} == set(choices("backend"))
    assert choices("nothing") == []


def test_models_are_found_by_what_they_serve_as() -> None:
    assert {"opt-mini", "opt-2.7b"} <= set(serving("lm"))
    assert serving("nothing") == []


def test_one_file_can_be_read() -> None:
    assert read_choice("backend", "cpu") == {"device": "cpu"}


def test_a_file_that_is_no_yaml_is_named(folder: Path) -> None:
    (folder / "task" / "own" / "second.yaml").write_text("a: [1\n")

    with pytest.raises(ConfigError, match=r"second\.yaml can't be read") as caught:
        task_files([folder])

    assert caught.value.exit_status == 2


def test_a_changed_file_is_read_again(folder: Path) -> None:
    task_files([folder])
    (folder / "task" / "own" / "first.yaml").write_text("_target_: own.Other\n")

    assert {info.target for info in task_files([folder])} >= {"own.Other"}


def test_every_yaml_of_ours_opens_with_a_comment_and_is_short() -> None:
    files = [path for path in conf_dir().rglob("*.yaml") if path.name != "config.yaml"]

    assert len(files) > 20
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("#"), path
        assert len(lines) <= 40, path
        yaml.safe_load("\n".join(lines))


def test_the_menu_needs_neither_hydra_nor_torch() -> None:
    code = (
        "import sys; from iterun.config.compose import task_files, choices, families\n"
        "task_files(), choices('model'), families()\n"
        "print({'hydra', 'omegaconf', 'torch', 'numpy', 'rich'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_the_folder_is_never_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("seed: 5\n")
    monkeypatch.chdir(tmp_path)
    conf_dir.cache_clear()

    assert tmp_path not in conf_dir().parents

"""A line for Hydra becomes a run directory, and Hydra's own lines work untouched."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from iterun.core.progress import IterationDone, RunEnded, RunStarted
from iterun.errors import ConfigError
from iterun.store.reader import RunView


def test_a_users_own_system_runs_by_its_yaml_alone(line: Any) -> None:
    status = line("task=mine/count", "task.to=4", "seed=7")

    view = RunView(line.runs[0])
    assert status == 0
    assert [it.metrics["total"] for it in view.iterations()] == [1, 2, 3, 4]
    assert (view.record.system, view.record.family, view.record.seed) == ("mine/count", "mine", 7)
    assert view.config["task"]["to"] == 4
    kinds = [type(event) for event in line.events]
    assert (kinds[0], kinds.count(IterationDone), kinds[-1]) == (RunStarted, 4, RunEnded)
    assert line.modes == ["run"]


def test_the_directory_is_named_after_system_time_model_and_id(line: Any) -> None:
    line("task=mine/count", "model=opt-mini")

    run = line.runs[0]
    name = re.fullmatch(r"\d{8}-\d{6}-opt-mini-([a-z2-7]{8})", run.name)
    assert run.parent == line.outputs / "mine" / "count"
    assert name is not None
    assert name.group(1) == RunView(run).id


def test_hydra_writes_what_every_hydra_program_writes(line: Any) -> None:
    line("task=mine/count", "task.to=2")

    hydra = line.runs[0] / ".hydra"
    assert yaml.safe_load((hydra / "overrides.yaml").read_text()) == [
        "task=mine/count",
        "task.to=2",
    ]
    assert yaml.safe_load((hydra / "config.yaml").read_text())["task"]["to"] == 2
    assert (hydra / "hydra.yaml").stat().st_size < 3000


def test_a_directory_named_by_the_user_gets_an_id_of_its_own(line: Any, tmp_path: Path) -> None:
    line("task=mine/count", f"hydra.run.dir={tmp_path}/here")

    assert re.fullmatch(r"[a-z2-7]{8}", RunView(tmp_path / "here").id)


def test_a_directory_with_a_run_in_it_is_refused_and_left_alone(line: Any, tmp_path: Path) -> None:
    line("task=mine/count", f"hydra.run.dir={tmp_path}/here")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "here").rglob("*")}

    with pytest.raises(ConfigError, match=r"hydra\.run\.dir=.*here holds a run already") as caught:
        line("task=mine/count", "task.to=1", f"hydra.run.dir={tmp_path}/here")

    assert "iterun resume" in caught.value.hint
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "here").rglob("*")} == before


def test_settings_and_options_come_in_any_order(line: Any) -> None:
    assert line("task=mine/count", "--cfg", "job", "task.to=1") == 0
    assert line("task.to=1", "-m", "task=mine/count") == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cfg", "job"], "_target_: counting_system.Count"),
        (["--cfg", "hydra", "-p", "hydra.run"], "iterun.run_dir"),
        (["--cfg", "job", "--resolve", "-p", "task"], "to: 3"),
        (["--info", "defaults-tree"], "task: mine/count"),
        (["--info", "searchpath"], "iterun-direct://"),
        (["--hydra-help"], "--multirun,-m"),
        (["hydra/job_logging=default", "--cfg", "hydra", "-p", "hydra.job_logging"], "root"),
    ],
)
def test_hydras_own_lines_work(
    words: list[str], said: str, line: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert line("task=mine/count", *words) == 0

    assert said in capfd.readouterr().out
    assert line.nothing_left


def test_another_primary_config_can_be_named(line: Any) -> None:
    line("-cn", "other", "task=mine/count")

    assert RunView(line.runs[0]).record.seed == 41


def test_a_failing_procedure_is_exit_status_1_and_keeps_its_directory(line: Any) -> None:
    assert line("task=mine/count", "task.fail_at=2") == 1

    view = RunView(line.runs[0])
    assert (view.state, len(view.iterations())) == ("failed", 1)


def test_hydra_changes_the_environment_and_the_folder_when_asked(
    line: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    line("task=mine/count", "hydra.job.chdir=true", "+hydra.job.env_set.OMP_NUM_THREADS='3'")

    assert RunView(line.runs[0]).record.environment["OMP_NUM_THREADS"] == "3"
    assert Path.cwd() == tmp_path


def test_hydras_callbacks_are_told(line: Any, capfd: pytest.CaptureFixture[str]) -> None:
    line("task=mine/count", "+hydra.callbacks.told._target_=counting_system.Told")

    assert capfd.readouterr().out.split() == ["run_start", "job_start", "job_end", "run_end"]


def test_a_pickled_job_is_not_read(line: Any) -> None:
    with pytest.raises(ConfigError, match="--experimental-rerun unpickles a file"):
        line("--experimental-rerun", "config.pickle")


@pytest.mark.parametrize("words", [["--nope"], ["--cfg", "nothing"], ["-m", "--cfg", "job"]])
def test_a_wrong_option_is_one_sentence(words: list[str], line: Any) -> None:
    with pytest.raises(ConfigError, match="this line can't be read") as caught:
        line("task=mine/count", *words)

    assert caught.value.exit_status == 2


def test_config_json_is_what_the_line_asked_for(line: Any) -> None:
    line("task=mine/count", "stop.iterations=1", "tags=[first,large]", "model=opt-mini")

    config = json.loads((line.runs[0] / "config.json").read_text())
    assert config["stop"]["iterations"] == 1
    assert config["tags"] == ["first", "large"]
    assert config["model"]["name"] == "opt-mini"
    assert "hydra" not in config

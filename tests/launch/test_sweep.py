"""Multirun: each job a run like any other; a failing one ends neither the sweep nor the others."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from iterun.errors import ConfigError
from iterun.launch.account import SweepError
from iterun.launch.events import JobStarted
from iterun.launch.naming import job_id
from iterun.store.reader import RunView


def test_every_job_is_a_run_like_any_other(line: Any) -> None:
    assert line("-m", "task=mine/count", "seed=1,2", "task.to=1,2") == 0

    views = [RunView(run) for run in line.runs]
    assert {(v.record.seed, v.config["task"]["to"]) for v in views} == {
        (1, 1), (1, 2), (2, 1), (2, 2),
    }  # fmt: skip
    assert {run.parent for run in line.runs} == {line.outputs / "mine" / "count"}
    assert line.modes == ["multirun"]


def test_a_jobs_id_is_a_hash_of_sweep_and_number(line: Any) -> None:
    line("-m", "task=mine/count", "seed=1,2")

    [sweep] = (line.outputs / ".sweeps").iterdir()
    records = [RunView(run).record for run in line.runs]
    assert [record.sweep for record in records] == [
        {"id": sweep.name, "job": 0}, {"id": sweep.name, "job": 1},
    ]  # fmt: skip
    assert [record.id for record in records] == [job_id(str(sweep), str(n)) for n in (0, 1)]
    assert all(run.name.startswith(sweep.name[:15]) for run in line.runs)


def test_a_failing_job_does_not_end_the_sweep_and_can_be_repeated(line: Any) -> None:
    with pytest.raises(SweepError, match="2 of 4 jobs failed") as caught:
        line("-m", "task=mine/count", "task.fail_at=null,2", "seed=1,2")

    assert caught.value.exit_status == 1
    assert len(line.runs) == 4
    repeat = next(part for part in caught.value.message.split("repeat it: ") if "seed=1" in part)
    with_status = line(*shlex.split(repeat.splitlines()[0])[3:])
    assert with_status == 1


def test_a_refused_job_is_found_before_any_begins(line: Any) -> None:
    with pytest.raises(ConfigError, match=r"task\.to=0 is no number.* \(job 1 of 2\)"):
        line("-m", "task=mine/count", "task.to=1,0")

    assert line.nothing_left


def test_a_fault_of_all_jobs_is_said_once(line: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        line("-m", "task=mine/count", "task.to=0", "seed=1,2,3")

    assert caught.value.message == "task.to=0 is no number to count to"


def test_a_jobs_settings_are_told_before_it_starts(line: Any) -> None:
    line("-m", "task=mine/count", "seed=1,2")

    asked = [event.job for event in line.events if isinstance(event, JobStarted)]
    assert asked == [(0, ("task=mine/count", "seed=1")), (1, ("task=mine/count", "seed=2"))]


def test_a_mistyped_value_of_a_list_is_found_before_any_job(line: Any) -> None:
    with pytest.raises(ConfigError, match="model=opt-min: there is no such model"):
        line("-m", "task=mine/count", "model=opt-mini,opt-min")

    assert line.nothing_left


def test_models_named_directly_stand_in_lists(line: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(SweepError, match=r"has no config\.json"):
        line("-m", "task=mine/count", f"model=facebook/opt-125m,{tmp_path}/folder")

    assert RunView(line.runs[0]).record.model == "facebook/opt-125m"
    assert "-opt-125m-" in line.runs[0].name


def test_several_values_without_m_say_what_to_type(line: Any) -> None:
    with pytest.raises(ConfigError, match="seed=1,2 gives several values") as caught:
        line("task=mine/count", "seed=1,2")

    assert "iterun -m seed=1,2" in caught.value.hint


def test_hydra_mode_in_the_config_makes_a_sweep(line: Any) -> None:
    line("task=mine/count", "hydra.mode=MULTIRUN", "seed=1,2")

    assert len(line.runs) == 2


def test_a_sweep_ends_with_an_interrupted_job(line: Any) -> None:
    assert line("-m", "task=mine/count", "task.mode=up,down", "task.words=[stop]") == 130

    assert [RunView(run).state for run in line.runs] == ["interrupted"]

"""Multirun: each job a run like any other; a failing one ends neither the sweep nor the others."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from iterun.errors import ConfigError
from iterun.launch.account import SweepError
from iterun.launch.events import JobStarted
from iterun.launch.naming import job_id
from iterun.store import sweeps
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


def test_all_batches_are_checked_before_the_first(line: Any) -> None:
    with pytest.raises(ConfigError, match=r"task\.to=0 .* \(job 3 of 4\)"):
        line("-m", "task=mine/count", "task.to=1,2,3,0", "hydra.sweeper.max_batch_size=2")

    assert line.nothing_left


@pytest.mark.parametrize("plugin", ["hydra/launcher=basic", "hydra/sweeper=basic"])
def test_hydras_own_plugins_go_on_working(plugin: str, line: Any) -> None:
    asked = ["-m", "task=mine/count", "task.fail_at=null,2", "seed=1,2", plugin]
    with pytest.raises(SweepError, match="2 of 4 jobs failed"):
        line(*asked)

    assert len(line.runs) == 4
    with pytest.raises(SweepError, match="2 of 4 jobs failed"):
        line(*asked, "on_existing=skip")
    assert len(line.runs) == 6
    assert len(list((line.outputs / "mine" / "count").iterdir())) == 6


def test_basic_refuses_a_job_by_itself_and_leaves_nothing_of_it(line: Any) -> None:
    with pytest.raises(SweepError, match=r"job 1 refused: task\.to=0 is no number to count to"):
        line("-m", "task=mine/count", "task.to=1,0", "hydra/launcher=basic")

    [run] = line.runs
    assert [path.name for path in run.parent.iterdir()] == [run.name]


def test_callbacks_and_folders_are_hydras_where_a_job_wants_them(line: Any, capsys: Any) -> None:
    told = "+hydra.callbacks.told={_target_: counting_system.Told}"
    line("-m", "task=mine/count", "seed=1,2", told, "hydra.job.chdir=true")

    assert capsys.readouterr().out.split() == ["job_start", "job_end"] * 2
    assert len(line.runs) == 2
    assert (line.runs[0] / ".hydra" / "hydra.yaml").is_file()


def test_a_folder_that_is_used_again_gives_other_runs(line: Any, tmp_path: Path) -> None:
    for to in (1, 2):
        line("-m", "task=mine/count", f"task.to={to}", f"hydra.sweep.dir={tmp_path}/mine",
             "+hydra.job.env_set.NOTED=here")  # fmt: skip

    ids = {RunView(run).id for run in line.runs}
    assert len(ids) == 2
    assert {RunView(run).record.sweep["id"] for run in line.runs} == {"mine"}


def test_what_was_asked_for_is_kept_as_json(line: Any) -> None:
    line("-m", "task=mine/count", "seed=1,2")

    [folder] = (line.outputs / ".sweeps").iterdir()
    record, jobs = sweeps.read(folder), sweeps.jobs(folder)
    assert record.command[0] == "iterun"
    assert (record.overrides, record.jobs, record.state) == (
        ["task=mine/count", "seed=1,2"], 2, "completed",
    )  # fmt: skip
    assert [(job.number, job.state, job.objective) for job in jobs] == [
        (0, "completed", 3.0), (1, "completed", 3.0),
    ]  # fmt: skip
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle")]

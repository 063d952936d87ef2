"""on_existing: what was done is not done again, what was begun goes on; sweeps and single runs."""

import os
from pathlib import Path
from typing import Any

import pytest

from iterun.core.progress import Remark
from iterun.launch.account import SweepError
from iterun.launch.events import JobEnded, SweepEnded
from iterun.store import process
from iterun.store.reader import RunView
from iterun.store.schema import decode, encode

COUNT = ["-m", "task=mine/count"]


def notes(line: Any) -> list[tuple[str | None, str]]:
    """What became of each job of the last sweep."""
    last = [event for event in line.events if isinstance(event, SweepEnded)][-1]
    return [(job.note, job.state) for job in last.jobs]


def say(run: Path, state: str, **more: Any) -> None:
    """Have a run be in a state, as if its process had been killed or lived."""
    status = decode((run / "status.json").read_bytes())
    (run / "status.json").write_bytes(encode({**status, "state": state, **more}))


def lines(run: Path) -> list[int]:
    return [line.i for line in RunView(run).iterations()]


@pytest.mark.parametrize("how", ["skip", "resume"])
def test_completed_jobs_are_not_run_again(how: str, line: Any) -> None:
    line(*COUNT, "seed=1,2")

    assert line(*COUNT, "seed=1,2,3", f"on_existing={how}") == 0
    assert notes(line) == [("exists", "completed"), ("exists", "completed"), (None, "completed")]
    assert len(line.runs) == 3


@pytest.mark.slow
def test_rerun_is_the_default_and_runs_again(line: Any) -> None:
    line(*COUNT, "seed=1,2")
    line(*COUNT, "seed=1,2")

    assert len(line.runs) == 4


def test_the_same_run_has_the_same_settings_seed_and_stop_rules(line: Any) -> None:
    line(*COUNT, "seed=1")

    others = ["task.to=3,4", "seed=1,2", "stop.iterations=null,2", "checkpoint=default,all"]
    line(*COUNT, *others, "on_existing=skip")
    exist = [n for n, (note, _) in enumerate(notes(line)) if note == "exists"]
    assert exist == [0, *range(1, 16, 2)]  # how checkpoints are kept is no matter
    assert len(line.runs) == 8


def test_a_sweep_that_stopped_goes_on_where_it_was(line: Any) -> None:
    asked = [*COUNT, "task.words=[stop]", "seed=1,2"]
    assert line(*asked) == 130

    assert line(*asked, "on_existing=resume") == 130  # job 1 stops itself as job 0 did
    assert notes(line) == [("resumed", "completed"), (None, "interrupted")]
    assert line(*asked, "on_existing=resume") == 0
    assert notes(line) == [("exists", "completed"), ("resumed", "completed")]
    assert [lines(run) for run in line.runs] == [[1, 2, 3], [1, 2, 3]]
    assert len(list((line.outputs / ".sweeps").iterdir())) == 1


@pytest.mark.slow
def test_a_failed_job_is_done_again_once_it_can_be(line: Any, tmp_path: Path) -> None:
    asked = [*COUNT, "seed=1,2", "task.fail_at=2"]
    with pytest.raises(SweepError):
        line(*asked)

    with pytest.raises(SweepError, match="2 of 2 jobs failed"):
        line(*asked, "on_existing=resume")
    assert notes(line) == [("resumed", "failed")] * 2
    assert [RunView(run).status.attempt for run in line.runs] == [2, 2]


def test_skip_runs_what_is_not_completed_anew(line: Any) -> None:
    line(*COUNT, "task.words=[stop]", "seed=1")

    line(*COUNT, "task.words=[stop]", "seed=1", "on_existing=skip")
    assert len(line.runs) == 2


def test_diverged_ones_would_diverge_again_and_stay_wrong(line: Any) -> None:
    line(*COUNT, "seed=1")
    say(line.runs[0], "diverged", error="total is nan at iteration 2")

    with pytest.raises(SweepError, match="job 0 diverged: total is nan"):
        line(*COUNT, "seed=1,2", "on_existing=resume")
    assert notes(line)[0] == ("exists", "diverged")


def test_a_run_that_is_alive_elsewhere_is_left_alone(line: Any) -> None:
    line(*COUNT, "seed=1,2")
    parent = os.getppid()
    say(line.runs[0], "running", pid=parent, start_ticks=process.start_ticks(parent))

    assert line(*COUNT, "seed=1,2", "on_existing=resume") == 0
    assert notes(line) == [("alive", "running"), ("exists", "completed")]


def test_a_lost_run_goes_on_from_its_checkpoint(line: Any) -> None:
    line(*COUNT, "task.words=[stop]", "seed=1")
    say(line.runs[0], "running", start_ticks=1)

    line(*COUNT, "task.words=[stop]", "seed=1", "on_existing=resume")
    assert notes(line) == [("resumed", "completed")]
    assert lines(line.runs[0]) == [1, 2, 3]


@pytest.mark.slow
def test_of_several_the_completed_one_is_taken(line: Any) -> None:
    for _ in range(3):
        line(*COUNT, "seed=1")
    for run in line.runs[:1] + line.runs[2:]:
        say(run, "interrupted")

    line(*COUNT, "seed=1", "on_existing=resume")
    ended = [event for event in line.events if isinstance(event, JobEnded)][-1]
    assert ended.record.directory == str(line.runs[1])


def test_a_fork_is_no_run_of_its_settings(line: Any) -> None:
    line("task=mine/count")
    record = decode((line.runs[0] / "run.json").read_bytes())
    record["parent"] = {"run": "abc", "iteration": 1}
    (line.runs[0] / "run.json").write_bytes(encode(record))

    line("task=mine/count", "on_existing=skip")
    assert len(line.runs) == 2


def test_a_single_run_is_skipped_or_gone_on_with(line: Any) -> None:
    assert line("task=mine/count", "task.words=[stop]") == 130
    assert line("task=mine/count", "task.words=[stop]", "on_existing=resume") == 0
    assert line("task=mine/count", "task.words=[stop]", "on_existing=skip") == 0

    remarks = [event.text for event in line.events if isinstance(event, Remark)]
    name = RunView(line.runs[0]).id
    assert remarks == [
        f"{name} goes on: it was interrupted", f"exists: {name} is completed, and is not run again",
    ]  # fmt: skip
    assert [path.name for path in line.runs[0].parent.iterdir()] == [line.runs[0].name]


def test_a_job_that_is_queued_again_finds_its_run(line: Any) -> None:
    from iterun.launch import jobs
    from iterun.launch.events import SweepStarted
    from iterun.launch.sweep import Asked

    line(*COUNT, "seed=1,2")
    sweep = next(event.sweep for event in line.events if isinstance(event, SweepStarted))
    say(line.runs[1], "running", start_ticks=1)

    again = jobs.do(sweep, Asked(1, ("task=mine/count", "seed=2")))
    assert (again.note, again.state, again.directory) == ("resumed", "completed", str(line.runs[1]))
    assert len(line.runs) == 2

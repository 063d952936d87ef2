"""Sweeps as they are typed: what the screen, a pipe, --quiet and --json show."""

import json
import shlex
from typing import Any

SWEEP = ["-m", "seed=1,2", "task.to=2,3"]


def test_a_pipe_gets_a_line_a_job_and_the_table_is_the_result(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, *SWEEP)

    said = answer.err.splitlines()
    assert answer.status == 0
    assert said[0].startswith("sweep ")
    assert said[0].endswith("4 jobs  one after the other")
    assert said[3].startswith("[2/4] job 1 completed  seed=1 to=3  total=3  (")
    assert answer.lines[0].split() == ["job", "differs", "in", "state", "total", "took", "run"]
    assert [line.split()[:4] for line in answer.lines[1:3]] == [
        ["0", "seed=1", "to=2", "completed"], ["1", "seed=1", "to=3", "completed"],
    ]  # fmt: skip


def test_the_best_job_is_marked_and_the_next_step_can_be_typed(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, *SWEEP)

    *_, best, following = answer.err.splitlines()
    assert best == "best total 3 by job 1  seed=1 to=3"
    assert [line for line in answer.lines if "3*" in line] == [answer.lines[2]]
    assert following.startswith("next:  iterun compare sweep=")
    assert len(iterun("ls").lines) == 5


def test_a_failed_job_is_named_with_its_error_and_its_line(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "-m", "task.fail_at=null,2")

    repeat = next(line for line in answer.err.splitlines() if "repeat it: " in line)
    assert answer.status == 1
    assert "error: 1 of 2 jobs failed (1 failed)" in answer.err
    assert "job 1 failed: ValueError: lost count" in answer.err
    assert iterun(*shlex.split(repeat.partition("repeat it: iterun ")[2])).status == 1


def test_quiet_says_nothing_but_a_directory_a_job(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, *SWEEP, "--quiet")

    assert len(answer.lines) == 4
    assert all("/mine/count/" in line for line in answer.lines)
    assert answer.err == ""


def test_json_is_an_object_an_event_and_names_the_job(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "-m", "seed=1,2", "--json")

    events = [json.loads(line) for line in answer.lines]
    kinds = [event["event"] for event in events]
    assert kinds[:4] == ["sweep", "asked", "job_started", "started"]
    assert [e["job"] for e in events if e["event"] == "iteration"] == [0, 0, 0, 1, 1, 1]
    ended = [event for event in events if event["event"] == "job_ended"]
    assert [(e["job"], e["state"], e["objective"]) for e in ended] == [
        (0, "completed", 3.0), (1, "completed", 3.0),
    ]  # fmt: skip
    assert events[-1]["jobs"] == {"completed": 2}


def test_an_interrupted_sweep_says_how_to_go_on(iterun: Any, own: list[str]) -> None:
    first = iterun(*own, "-m", "task.words=[stop]", "seed=1,2")

    line = first.err.splitlines()[-1]
    second = iterun(*shlex.split(line.partition("next:  iterun ")[2]))
    assert first.status == 130
    assert "interrupted  1 interrupted, 1 waiting in " in first.err
    assert second.status == 130  # the second seed stops itself too
    assert "job 0 completed, resumed  seed=1" in second.err


def test_what_was_done_before_is_said_and_found_by_its_runs(iterun: Any, own: list[str]) -> None:
    iterun(*own, *SWEEP)

    again = iterun(*own, *SWEEP, "on_existing=skip")

    assert again.status == 0
    assert "[4/4] job 3 exists  seed=2 to=3  total=3" in again.err
    assert "sweep=" not in again.err.splitlines()[-1]
    assert len(iterun("ls").lines) == 5


def test_a_single_run_that_exists_is_shown_and_not_run_again(iterun: Any, own: list[str]) -> None:
    iterun(*own, "--quiet")

    again = iterun(*own, "on_existing=skip")

    assert (again.status, len(iterun("ls").lines)) == (0, 2)
    assert again.err.startswith("note: exists: ")
    assert again.lines[0] == "  total  3   best 3 at 3"
    assert "next:  iterun show " in again.err


def test_a_warning_of_every_job_is_said_once(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "-m", "seed=1,2,3", "stop.metric=draw", "stop.target=-1")

    assert answer.err.count("note: ") <= 1

"""kill -9 at any moment, then resume: all is as if nothing had happened."""

import json
import random
import signal

import pytest
from core_procedures import Everything, Slow, attempt, story

from iterun.core import resume
from iterun.store.reader import RunView

KILLED = -signal.SIGKILL


@pytest.fixture(scope="module")
def calls(zygote, tmp_path_factory):
    """How many calls of a whole run touch the disk: the moments at which it can be killed."""
    folder = tmp_path_factory.mktemp("counted")
    arguments = {"directory": str(folder / "run"), "count_to": str(folder / "count")}
    zygote.stdin.write(json.dumps({"call": "everything", "arguments": arguments}) + "\n")
    zygote.stdin.flush()
    zygote.stdout.readline(), zygote.stdout.readline()
    return int((folder / "count").read_text())


def killed_at(fork, directory, moment):
    return fork("everything", directory=directory, kill_at=moment).wait()


def finish(fork, directory):
    """Resume in another process; what died before it was a run is begun anew in its place."""
    return fork("everything", directory=directory).wait()


@pytest.mark.parametrize("part", range(12))
def test_killed_between_two_calls_that_touch_the_disk(fork, calls, uninterrupted, tmp_path, part):
    moment = 30 + part * (calls - 60) // 11

    assert killed_at(fork, tmp_path / "run", moment) == KILLED

    assert finish(fork, tmp_path / "run") == 0
    assert story(tmp_path / "run") == uninterrupted


@pytest.mark.parametrize("seed", range(3))
def test_killed_again_while_resuming(fork, calls, uninterrupted, tmp_path, seed):
    draw = random.Random(seed)

    for _ in range(4):
        killed_at(fork, tmp_path / "run", draw.randrange(60, calls // 2))

    assert finish(fork, tmp_path / "run") == 0
    assert story(tmp_path / "run") == uninterrupted


@pytest.mark.slow
def test_killed_at_every_moment_of_two_iterations(fork, calls, uninterrupted, tmp_path):
    for moment in range(calls // 2, calls // 2 + calls // 4):
        directory = tmp_path / str(moment)
        assert killed_at(fork, directory, moment) == KILLED
        assert finish(fork, directory) == 0
        assert story(directory) == uninterrupted


@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_killed_inside_the_write_of_a_line(fork, uninterrupted, tmp_path, at):
    assert fork("torn_line", directory=tmp_path / "run", at=at).wait() == KILLED
    assert not (tmp_path / "run" / "iterations.jsonl").read_bytes().endswith(b"}\n") or at == 0

    assert finish(fork, tmp_path / "run") == 0
    assert story(tmp_path / "run") == uninterrupted


@pytest.mark.parametrize("moment", [150, 300, 450, 600])
def test_killed_between_safe_points(fork, tmp_path, moment):
    attempt(Slow(to=3), tmp_path / "whole")

    assert fork("inner", directory=tmp_path / "run", kill_at=moment).wait() == KILLED
    fork("inner", directory=tmp_path / "run", kill_at=moment + 80).wait()
    assert fork("inner", directory=tmp_path / "run").wait() == 0

    assert story(tmp_path / "run") == story(tmp_path / "whole")


def test_killed_from_outside_loses_no_recorded_line(fork, tmp_path):
    """Killed while it runs as fast as it can: what a reader saw before is still there."""
    directory = tmp_path / "run"
    child = fork("without_end", directory=directory)
    seen = []
    while len(seen) < 30:
        seen = RunView(directory).iterations() if (directory / "run.json").exists() else []
    child.kill(signal.SIGKILL)
    assert child.wait() == KILLED

    after = RunView(directory).iterations()
    assert after[: len(seen)] == seen
    assert RunView(directory).state == "lost"
    k = resume.plan(directory)
    attempt(Everything(to=k + 3), directory)
    again = RunView(directory).iterations()
    assert [line.metrics for line in again[: len(after)]] == [
        line.metrics for line in after[: len(again)]
    ]

"""`iterun rm`: to the trash, back, and for good."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="live", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip


def ids(answer: Any) -> list[str]:
    return [line.split()[0] for line in answer.lines[1:]]


def test_a_named_run_goes_and_comes_back(iterun: Any, runs: Any) -> None:
    runs("aaaa")
    runs("bbbb", seed=2)

    answer = iterun("rm", "aaaa")

    assert answer.lines[-1] == "1 run moved to the trash"
    assert ids(iterun("ls")) == ["bbbb"]
    assert "hint: iterun rm --restore aaaa" in iterun("show", "aaaa").err
    assert iterun("rm", "--restore").lines[-1] == "1 run restored"
    assert ids(iterun("ls")) == ["aaaa", "bbbb"]


def test_many_by_a_condition_need_a_yes_when_piped(iterun: Any, runs: Any) -> None:
    for name in ("aaaa", "bbbb", "cccc"):
        runs(name)

    refused = iterun("rm", "task=prune")

    assert refused.status == 2
    assert "move 3 runs to the trash: nobody can be asked here" in refused.err
    assert ids(iterun("ls")) == ["aaaa", "bbbb", "cccc"]
    assert iterun("rm", "task=prune", "--yes").lines[-1] == "3 runs moved to the trash"


def test_one_by_a_condition_goes_without_a_question(iterun: Any, runs: Any) -> None:
    runs("aaaa", seed=1)
    runs("bbbb", seed=2)

    assert iterun("rm", "seed=2").status == 0
    assert ids(iterun("ls")) == ["aaaa"]


def test_the_trash_is_listed_with_age_size_and_place(iterun: Any, runs: Any) -> None:
    place = runs("aaaa")
    iterun("note", "aaaa", "hot")
    iterun("rm", "aaaa")

    heads, line = iterun("rm", "--trash").lines
    assert heads.split() == ["id", "system", "moved", "size", "note", "was"]
    assert line.split()[:2] == ["aaaa", "prune/perp"]
    assert line.endswith(f"prune/perp/{place.name}")
    (told,) = json.loads(iterun("rm", "--trash", "--json").out)
    assert told["bytes"] > 500


def test_purging_deletes_by_age_and_name(iterun: Any, runs: Any, tmp_path: Path) -> None:
    runs("aaaa")
    runs("bbbb")
    iterun("rm", "aaaa", "bbbb")

    assert "nothing to delete" in iterun("rm", "--purge", "--older", "30d").err
    assert iterun("rm", "--purge", "aaaa").status == 2
    assert "1 run deleted, " in iterun("rm", "--purge", "aaaa", "--yes").out
    assert "1 run deleted, " in iterun("rm", "--purge", "--older", "0s", "--yes").out
    assert list((tmp_path / "outputs" / ".trash").iterdir()) == []


@pytest.fixture
def live(tmp_path: Path) -> Any:
    directory = tmp_path / "outputs" / "prune" / "perp" / "20261124-101500-opt-mini-live"
    with RunWriter.create(directory, record=RECORD, config={}) as writer:
        yield writer


def test_a_running_run_is_refused_and_nothing_else_goes(
    iterun: Any, runs: Any, live: RunWriter
) -> None:
    runs("aaaa")

    answer = iterun("rm", "aaaa", "live")

    assert answer.status == 2
    assert f"live is running, as process {os.getpid()} on" in answer.err
    assert sorted(ids(iterun("ls"))) == ["aaaa", "live"]


def test_of_those_that_fit_a_running_one_is_left_alone(
    iterun: Any, runs: Any, live: RunWriter
) -> None:
    runs("aaaa")

    answer = iterun("rm", "task=prune", "--yes")

    assert "1 run of these left alone: running" in answer.err
    assert ids(iterun("ls")) == ["live"]


def test_forks_are_told_and_stay(iterun: Any, runs: Any) -> None:
    runs("aaaa")
    runs("bbbb", parent={"run": "aaaa", "iteration": 1})

    assert "forked from aaaa: 1 run, whole without it" in iterun("rm", "aaaa").err
    assert "which is not below" in iterun("show", "bbbb").out


def test_a_run_that_can_not_be_read_goes_by_its_path(iterun: Any, runs: Any) -> None:
    run = runs("aaaa")
    (run / "run.json").write_text("[")

    assert iterun("rm", str(run)).lines[-1] == "1 run moved to the trash"
    assert iterun("rm", "--restore").lines[-1] == "1 run restored"


def test_on_a_terminal_it_asks(runs: Any, tmp_path: Path) -> None:
    for name in ("aaaa", "bbbb"):
        runs(name)
    ours, theirs = pty.openpty()
    line = [sys.executable, "-m", "iterun", "rm", "task=prune"]

    done = subprocess.Popen(line, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE, text=True)
    os.write(ours, b"y\n")

    assert done.communicate()[0].splitlines()[-1] == "2 runs moved to the trash"
    assert b"move 2 runs to the trash? [y/N]" in os.read(ours, 4096).replace(
        b"\x1b[1m", b""
    ).replace(b"\x1b[0m", b"")

"""A writer killed with SIGKILL: what was recorded stays, what was half done goes."""

import os
import random
import signal

import pytest

from iterun.store import checkpoint
from iterun.store.reader import RunView
from iterun.store.writer import RunWriter


def kill(process):
    process.send_signal(signal.SIGKILL)
    told = process.stdout.read().split()
    process.wait()
    return told


@pytest.mark.parametrize("after", [1, 2, 3000])
def test_no_recorded_line_is_lost(outputs, child, after):
    process = child("write_until_killed", outputs / "run")
    for _ in range(after):
        process.stdout.readline()

    last = int((kill(process) or [after - 1])[-1])

    found = [line.i for line in RunView(outputs / "run").iterations()]
    assert found[: last + 1] == list(range(last + 1))
    assert len(found) <= last + 2


def test_a_checkpoint_that_was_told_of_can_be_loaded(outputs, child):
    process = child("checkpoint_until_killed", outputs / "run")
    for _ in range(random.Random(0).randrange(3, 9)):
        last = int(process.stdout.readline())

    last = int((kill(process) or [last])[-1])

    numbers = checkpoint.available(outputs / "run")
    assert numbers[: last + 1] == list(range(last + 1))
    for i in numbers:
        state = checkpoint.load(outputs / "run", i)
        assert (state["i"], state["large"].unique().tolist()) == (i, [float(i)])


def test_a_resume_finds_no_half_written_thing(outputs, child, lines):
    child("torn", outputs / "run").wait()

    with RunWriter.reopen(outputs / "run") as writer:
        assert writer.drop_after(1) == 1

    names = {path.name for path in (outputs / "run").rglob("*")}
    assert not any(name.startswith(".part-") for name in names)
    assert not names & {"model", "mask.bin"}
    assert lines(outputs / "run/artifacts/replies.jsonl") == [0, 1]
    assert lines(outputs / "run/iterations.jsonl") == [0, 1]


def test_a_folder_that_was_being_replaced_comes_back(make):
    root = make("aa11") / "artifacts"
    (root / ".old-model").mkdir(parents=True)
    (root / ".old-model/a.bin").write_text("")

    RunWriter.reopen(root.parent).close()

    assert [path.name for path in RunView(root.parent).artifacts()] == ["a.bin"]


def test_dropped_lines_survive_a_kill_in_the_middle_of_dropping(make, lines):
    """Killed after the tail was copied and before it was cut: it is then dropped twice."""
    directory = make("aa11", state="interrupted")
    tail = b"".join((directory / "iterations.jsonl").read_bytes().splitlines(keepends=True)[2:])
    (directory / "iterations.dropped-2.jsonl").write_bytes(tail)
    os.truncate(directory / "status.json", 0)
    (directory / "status.json").unlink()

    with RunWriter.reopen(directory) as writer:
        writer.drop_after(1)

    assert lines(directory / "iterations.jsonl") == [0, 1]
    assert lines(directory / "iterations.dropped-2.jsonl") == [2, 2]

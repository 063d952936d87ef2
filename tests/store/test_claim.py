import errno
import os
import signal
from dataclasses import replace

import pytest
from conftest import RECORD

from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.schema import Status, decode, encode
from iterun.store.writer import RunWriter


def race(child, directory, n):
    """What n processes get that try to reopen the run at once."""
    processes = [child("take_over", directory) for _ in range(n)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        os.write(process.stdin.fileno(), b"go\n")
    return sorted(process.stdout.readline().strip() for process in processes)


def test_a_run_that_ended_is_reopened_with_one_attempt_more(make):
    directory = make("aa11", state="interrupted")

    with RunWriter.reopen(directory) as writer:
        assert writer.attempt == 2
        assert RunView(directory).state == "running"


def test_a_run_that_goes_on_is_not_reopened(writer):
    with pytest.raises(StoreError, match=f"is being written by process {os.getpid()}") as caught:
        RunWriter.reopen(writer.directory)

    assert caught.value.hint == f"end it first, as in `kill -INT {os.getpid()}`"


def test_a_run_that_goes_on_elsewhere_is_not_reopened(make, writer):
    status = RunView(writer.directory).status
    status.boot_id, status.host = "another machine", "node17"
    (writer.directory / "status.json").write_bytes(encode(status.to_json()))

    with pytest.raises(StoreError, match="on node17") as caught:
        RunWriter.reopen(writer.directory)

    assert "or wait 60 s" in caught.value.hint


def test_a_killed_run_is_reopened(outputs, child):
    killed = child("write_until_killed", outputs / "run")
    killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    with RunWriter.reopen(outputs / "run") as writer:
        assert writer.attempt == 2


def test_of_several_resumes_one_wins(make, child):
    directory = make("aa11", state="interrupted")

    for attempt in ("2", "3"):
        assert race(child, directory, 3) == [attempt, "refused", "refused"]
        for process in child.started:
            process.kill()
            process.wait()
    assert not list(directory.glob(".claim-*"))


def test_a_claim_whose_holder_died_hinders_nobody(make, child):
    directory = make("aa11", state="interrupted")
    dead = Status(state="running", pid=1 << 22, boot_id=RunView(directory).status.boot_id)
    (directory / ".claim-2").write_bytes(encode(dead.to_json()))

    with RunWriter.reopen(directory) as writer:
        assert writer.attempt == 3
    assert not list(directory.glob(".claim-*"))


def test_a_claim_that_is_just_being_written_is_respected(make):
    directory = make("aa11", state="interrupted")
    (directory / ".claim-2").touch()

    with pytest.raises(StoreError, match="is being written"):
        RunWriter.reopen(directory)


def test_a_claim_is_never_there_without_its_content(make, monkeypatch):
    directory, seen = make("aa11", state="interrupted"), []
    link = os.link

    def watched(part, claim):
        link(part, claim)
        seen.append(Status.from_json(decode(claim.read_bytes())).pid)

    monkeypatch.setattr(os, "link", watched)
    RunWriter.reopen(directory).close()

    assert seen == [os.getpid()]
    assert not list(directory.glob(".*-*"))


def test_a_file_system_without_hard_links_knows_claims_too(make, child, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    directory = make("aa11", state="interrupted")
    RunWriter.reopen(directory).close()
    (directory / ".claim-3").touch()

    with pytest.raises(StoreError, match="is being written"):
        RunWriter.reopen(directory)


def test_a_folder_left_by_a_run_killed_while_it_was_made_is_taken(outputs, child):
    process = child("write_until_killed", outputs / "run")
    process.stdout.readline()
    process.kill()
    process.wait()
    (outputs / "run/run.json").unlink()

    RunWriter.create(outputs / "run", record=replace(RECORD), config={}).close()

    assert RunView(outputs / "run").iterations() == []


def test_a_folder_in_which_a_run_is_just_being_made_is_not_taken(writer):
    (writer.directory / "run.json").unlink()

    with pytest.raises(StoreError, match="in use already"):
        RunWriter.create(writer.directory, record=replace(RECORD), config={})


def test_of_two_new_runs_in_one_folder_one_wins(outputs, child):
    processes = [child("write_until_killed", outputs / "run") for _ in range(3)]

    first = [process.stdout.readline() for process in processes]

    assert sorted(first) == ["", "", "0\n"]

"""A full or read-only disk: a clear error, nothing recorded is lost, and the run goes on later."""

import contextlib
import os
import subprocess

import pytest
from core_procedures import ALL, Count, Everything, attempt, story

from iterun.errors import DiskError
from iterun.store.reader import RunView


def mount(*arguments) -> bool:
    command = ["mount", "-t", "tmpfs", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 24 MB of our own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not (hasattr(os, "geteuid") and os.geteuid() == 0 and mount("-o", "size=24m", "x", folder)):
        pytest.skip("mounting a small file system takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder, leave=0):
    """Take all the room but `leave` bytes."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with contextlib.suppress(OSError), open(folder / "ballast", "wb") as file:
        file.write(b"x" * (free - leave))


def fills(at, leave=0):
    def hook(procedure, i):
        if i == at:
            fill(procedure.run.load(procedure.kept).parents[2], leave)

    return hook


@pytest.mark.parametrize("at", [1, 3, 6])
@pytest.mark.parametrize("leave", [0, 4096, 16384, 300_000, 1_300_000])
def test_a_full_disk_fails_the_run_and_space_lets_it_go_on(small_disk, uninterrupted, at, leave):
    directory = small_disk / "run"
    outcome = attempt(Everything(hook=fills(at, leave)), directory, checkpoint=ALL)
    recorded = RunView(directory).iterations()

    assert (outcome.state, outcome.exit_status) == ("failed", 1)
    assert isinstance(outcome.exception, DiskError)
    assert "no space left" in outcome.error
    assert "iterun resume" in outcome.error
    assert [line.i for line in recorded] == list(range(len(recorded)))
    assert RunView(directory).status.state == "failed"

    (small_disk / "ballast").unlink()
    assert attempt(Everything(), directory, checkpoint=ALL).state == "completed"
    assert story(directory) == uninterrupted


def test_a_resume_on_a_full_disk_leaves_the_run_to_be_resumed_later(small_disk, uninterrupted):
    directory = small_disk / "run"
    attempt(Everything(), directory, checkpoint=ALL, stop={"iterations": 4})
    fill(small_disk)

    for _ in range(2):
        with pytest.raises(DiskError):
            raise attempt(Everything(), directory, checkpoint=ALL).exception

    (small_disk / "ballast").unlink()
    attempt(Everything(), directory, checkpoint=ALL)
    assert story(directory) == uninterrupted


def test_a_line_that_does_not_fit_is_cut_off_again(small_disk):
    """No checkpoint stands in the way: the record itself fills the disk."""

    class Filler(Count):
        def step(self, i):
            if i == 5:
                fill(small_disk)
            return super().step(i)

    outcome = attempt(Filler(to=100_000), small_disk / "run", checkpoint={"every": 1_000_000})

    raw = (small_disk / "run" / "iterations.jsonl").read_bytes()
    assert outcome.state == "failed"
    assert raw.endswith(b"}\n")
    assert len(RunView(small_disk / "run").iterations()) == outcome.iterations + 1


def test_no_room_at_all_is_an_error_before_anything_is_computed(small_disk):
    fill(small_disk)

    with pytest.raises(DiskError, match="no space left") as caught:
        attempt(Count(), small_disk / "deep" / "run")
    assert caught.value.hint


def test_read_only_outputs_are_an_error_with_a_way_out(small_disk):
    attempt(Count(to=3), small_disk / "run")
    assert mount("-o", "remount,ro", small_disk)

    with pytest.raises(DiskError, match="read-only file system") as caught:
        attempt(Count(), small_disk / "new")
    assert "--outputs FOLDER" in caught.value.hint
    with pytest.raises(DiskError, match="read-only file system"):
        attempt(Count(), small_disk / "run")

    assert mount("-o", "remount,rw", small_disk)
    assert RunView(small_disk / "run").state == "completed"
    assert attempt(Count(), small_disk / "run").iterations == 10

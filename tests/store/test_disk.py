"""A full disk, and one that may not be written: a clear error, and what stood before stands."""

import os
import resource
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import CONFIG, RECORD

from iterun.errors import DiskError, StoreError
from iterun.store import checkpoint, disk
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.schema import Summary
from iterun.store.writer import RunWriter


def create(directory):
    return RunWriter.create(directory, record=replace(RECORD), config=CONFIG)


@pytest.fixture
def small(mounted):
    """A run on a disk of half a megabyte, and a function that fills it but for a few bytes."""
    root = mounted("-t", "tmpfs", "-o", "size=512k")

    def fill(spare=0):
        size = shutil.disk_usage(root).free - spare
        (root / "filler").write_bytes(b"\0" * max(size, 0))

    with create(root / "run") as writer:
        yield writer, fill


def append_until_full(writer):
    for i in range(10**6):
        writer.append(i, seconds=0.1, metrics={"ppl": 1 / (i + 1)})


def test_a_full_disk_leaves_whole_lines(small):
    writer, fill = small
    fill(spare=8192)

    with pytest.raises(DiskError, match=r"iterations\.jsonl can't be written: no space") as caught:
        append_until_full(writer)

    assert "iterun resume" in caught.value.hint
    raw = (writer.directory / "iterations.jsonl").read_bytes()
    assert raw.endswith(b"}\n")
    assert [line.i for line in RunView(writer.directory).iterations()] == list(
        range(raw.count(b"\n"))
    )


def test_a_full_disk_still_takes_the_final_status(small):
    writer, fill = small
    fill()

    writer.status("failed", reason="disk", error="no space left on device")

    assert RunView(writer.directory).status.error == "no space left on device"


def test_a_full_disk_leaves_the_old_summary_and_checkpoint(small):
    writer, fill = small
    writer.summary(Summary(state="running", iterations=1))
    checkpoint.save(writer.directory, 1, {"w": torch.ones(10)})
    fill()

    with pytest.raises(DiskError, match=r"summary\.json"):
        writer.summary(Summary(state="running", iterations=2))
    with pytest.raises(DiskError, match="checkpoints/0002"):
        checkpoint.save(writer.directory, 2, {"w": torch.ones(10_000)})

    assert RunView(writer.directory).summary.iterations == 1
    assert checkpoint.available(writer.directory) == [1]
    assert not list(writer.directory.rglob(".part-*"))


def test_a_full_disk_leaves_no_half_artifact(small):
    writer, fill = small
    fill(spare=8192)

    with pytest.raises(DiskError, match=r"artifacts/big\.bin"):
        writer.save_bytes("big.bin", b"\0" * 100_000)
    with pytest.raises(DiskError, match=r"artifacts/rows\.jsonl"):
        writer.append_rows("rows.jsonl", 1, [{"text": "x" * 100_000}])

    assert (writer.directory / "artifacts/rows.jsonl").stat().st_size == 0
    assert not (writer.directory / "artifacts/big.bin").exists()


def test_going_back_on_a_full_disk_moves_nothing(small):
    writer, fill = small
    for i in range(500):
        writer.append(i, seconds=0.1, metrics={"ppl": 1 / (i + 1)})
    fill()
    before = (writer.directory / "iterations.jsonl").read_bytes()

    with pytest.raises(DiskError):
        writer.drop_after(3)

    assert (writer.directory / "iterations.jsonl").read_bytes() == before


def test_once_there_is_room_the_run_goes_on(small):
    writer, fill = small
    fill(spare=4096)
    with pytest.raises(DiskError):
        append_until_full(writer)
    writer.status("failed")
    writer.close()
    (writer.directory.parent / "filler").unlink()

    with RunWriter.reopen(writer.directory) as again:
        again.drop_after(5)
        again.append(6, seconds=0.1, metrics={})

    assert [line.i for line in RunView(writer.directory).iterations()] == list(range(7))


WRITES = {
    "log.txt": lambda writer: writer.log("x"),
    "artifacts/rows.jsonl": lambda writer: writer.append_rows("rows.jsonl", 1, [{}]),
    "artifacts/folder": lambda writer: writer.save_bytes("folder/x.bin", b""),
    "checkpoints": lambda writer: checkpoint.save(writer.directory, 1, {}),
}


@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_through_a_link(writer, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (writer.directory / "artifacts").mkdir()
    (writer.directory / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises((DiskError, StoreError), match="is a link"):
        WRITES[name](writer)

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_limit_on_file_size_is_told_like_a_full_disk(outputs):
    with create(outputs / "run") as writer:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(DiskError, match="file too large"):
                append_until_full(writer)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        assert (outputs / "run/iterations.jsonl").read_bytes().endswith(b"}\n")


def test_outputs_that_may_not_be_written_are_named(make, mounted):
    outputs = make("aa11").parents[2]
    shut = mounted("--bind", "-o", "ro", source=str(outputs))

    with pytest.raises(DiskError, match="read-only file system") as caught:
        create(shut / "prune/perp/new")

    assert "--outputs FOLDER or ITERUN_OUTPUTS" in caught.value.hint


def test_a_run_that_may_not_be_written_is_not_reopened(make, mounted):
    directory = make("aa11", state="interrupted")
    shut = mounted("--bind", "-o", "ro", source=str(directory))

    with pytest.raises(DiskError, match="read-only file system"):
        RunWriter.reopen(shut)


def test_runs_that_may_not_be_written_are_listed_with_an_index_in_the_cache(
    make, mounted, tmp_path
):
    outputs = make("aa11").parents[2]
    shut = mounted("--bind", "-o", "ro", source=str(outputs))

    with Index(shut) as index:
        assert [row.id for row in index.rows()] == ["aa11"]

    assert list((tmp_path / "cache/index").glob("*.sqlite"))


def test_without_any_room_for_an_index_runs_are_listed_all_the_same(make, mounted, monkeypatch):
    outputs = make("aa11").parents[2]
    shut = mounted("--bind", "-o", "ro", source=str(outputs))
    monkeypatch.setenv("ITERUN_CACHE", str(shut / "cache"))

    with Index(shut) as index:
        assert [row.id for row in index.rows()] == ["aa11"]


def test_runs_on_a_full_disk_are_listed(small, monkeypatch):
    writer, fill = small
    fill()
    monkeypatch.setenv("ITERUN_CACHE", os.fspath(writer.directory.parent / "cache"))

    with Index(writer.directory.parent) as index:
        assert [row.id for row in index.rows()] == [RECORD.id]


def test_a_file_with_another_name_elsewhere_is_copied_before_it_grows(tmp_path: Path) -> None:
    outside, ours = tmp_path / "outside", tmp_path / "ours"
    outside.write_bytes(b"theirs\n")
    os.link(outside, ours)

    fd = disk.open_append(ours)
    os.write(fd, b"mine\n")
    os.close(fd)

    assert ours.read_bytes() == b"theirs\nmine\n"
    assert outside.read_bytes() == b"theirs\n"
    os.link(outside, tmp_path / "status")
    with pytest.raises(DiskError):
        disk.write_over(tmp_path / "status", b"x")

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from iterun.errors import StoreError
from iterun.store import trash, trees
from iterun.store.index import Index
from iterun.store.writer import RunWriter


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def move(run: Path, outputs: Path, now: float = 1.8e9) -> trash.Removed:
    return trash.move(outputs, run, now=now, about={"id": "aaaa", "system": "prune/perp"})


def test_a_run_comes_back_as_it_was(make: Callable[..., Path], outputs: Path) -> None:
    run = make("aaaa")
    before = tree(run)

    removed = move(run, outputs)

    assert not run.exists()
    assert trash.restore(outputs, trash.listed(outputs)[0]) == run
    assert tree(run) == before
    assert not removed.entry.exists()


def test_the_index_forgets_a_run_at_once_and_knows_it_again(
    make: Callable[..., Path], outputs: Path
) -> None:
    run = make("aaaa")

    def count() -> int:
        with Index(outputs) as index:
            return index.count()

    assert count() == 1
    removed = move(run, outputs)
    assert count() == 0
    trash.restore(outputs, removed)
    assert count() == 1


def test_a_run_that_is_running_stays(writer: RunWriter, outputs: Path) -> None:
    before = tree(writer.directory)

    with pytest.raises(StoreError, match="is being written by process"):
        move(writer.directory, outputs)

    assert tree(writer.directory) == before
    assert trash.listed(outputs) == []


def test_a_place_that_is_taken_again_loses_nothing(
    make: Callable[..., Path], outputs: Path
) -> None:
    run = make("aaaa")
    move(run, outputs)
    make("aaaa", seed=9)
    removed, now = trash.listed(outputs)[0], tree(run)
    with pytest.raises(StoreError, match="is there again"):
        trash.restore(outputs, removed)

    assert tree(run) == now
    assert (removed.directory / "run.json").exists()


def test_what_is_not_below_outputs_is_refused(
    make: Callable[..., Path], outputs: Path, tmp_path: Path
) -> None:
    run = make("aaaa")
    elsewhere = tmp_path / "elsewhere"
    run.rename(elsewhere)
    (outputs / "link").symlink_to(elsewhere)

    for path in (elsewhere, outputs / "link", outputs / "prune" / ".." / ".." / "elsewhere"):
        with pytest.raises(StoreError):
            move(path, outputs)
    assert (elsewhere / "run.json").exists()


@pytest.mark.parametrize("place", ["../up", "/etc", "a/../../b", ".hidden/run", "", "a//b", "a\0b"])
def test_a_record_that_leads_out_restores_nothing(
    make: Callable[..., Path], outputs: Path, place: str
) -> None:
    removed = move(make("aaaa"), outputs)
    (removed.entry / "trash.json").write_text(json.dumps({"place": place, "moved": 1.0}))

    assert trash.listed(outputs) == []
    bad = trash.Removed(removed.entry, trash.TrashRecord(place=place, moved=1.0))
    with pytest.raises(StoreError):
        trash.restore(outputs, bad)


def test_two_of_one_id_must_be_told_apart(make: Callable[..., Path], outputs: Path) -> None:
    move(make("aaaa"), outputs, now=1.8e9)
    second = move(make("aaaa"), outputs, now=1.8e9)

    found = trash.listed(outputs)
    with pytest.raises(StoreError, match="2 times in the trash"):
        trash.named(found, ["aaaa"])
    assert trash.named(found, [second.entry.name])[0].entry == second.entry


def test_purging_follows_no_link(make: Callable[..., Path], outputs: Path, tmp_path: Path) -> None:
    run, outside = make("aaaa"), tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (run / "artifacts").symlink_to(outside)
    (run / "log.txt").symlink_to(outside / "file")

    trash.purge(move(run, outputs))

    assert tree(outside) == {"file": b"mine"}
    assert list((outputs / ".trash").iterdir()) == []


def test_a_bottomless_folder_is_weighed_and_removed(tmp_path: Path) -> None:
    here = os.getcwd()
    root = tmp_path / "root"
    root.mkdir()
    try:
        os.chdir(root)
        for _ in range(1500):
            os.mkdir("ddd")
            os.chdir("ddd")
        Path("file").write_text("deep")
    finally:
        os.chdir(here)

    assert trees.size(root) == 0  # its path is too long to be looked at
    trees.remove(root)
    assert list(tmp_path.iterdir()) == []

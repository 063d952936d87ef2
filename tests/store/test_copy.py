"""The beginning of a run elsewhere: what belongs to it, no more; whole or not at all."""

import json
import os
import shutil

import pytest
import torch

from iterun.errors import IterunError, StoreError
from iterun.store import checkpoint, copy
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter
from iterun.types import Ref

RECORD = RunRecord(
    id="f", system="a/b", family="a", signature="s", seed=0, created="2026-01-01T00:00:00+00:00"
)


@pytest.fixture
def source(writer):
    """Three iterations, each with a file and rows; checkpoint 2 holds a blob and a Ref."""
    large = torch.arange(300_000.0)
    for i in range(4):
        writer.save_bytes("note-{i}.txt", f"note {i}".encode(), at=i)
        writer.append_rows("rows.jsonl", i, [{"said": i}])
        ref = writer.save_bytes("kept.bin", f"kept {i}".encode())
        writer.append(i, seconds=0.1, metrics={"ppl": 30.0 - i}, files=writer.files())
        if i == 2:
            checkpoint.save(writer.directory, 2, {"ref": ref, "large": large, "inner": None})
    writer.save_bytes("last.bin", b"made at the end")
    return writer.directory


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def test_the_lines_up_to_there_are_the_same_bytes(source, target):
    copy.prefix(source, 2, target)

    lines = (source / "iterations.jsonl").read_bytes().splitlines(keepends=True)
    assert (target / "iterations.jsonl").read_bytes() == b"".join(lines[:3])


def test_the_checkpoint_is_whole_without_the_other_run(source, target):
    copy.prefix(source, 2, target)
    shutil.rmtree(source)

    state = checkpoint.load(target, 2)

    assert torch.equal(state["large"], torch.arange(300_000.0))


def test_a_large_tensor_is_linked_and_all_else_copied(source, target):
    copy.prefix(source, 2, target)

    [blob] = (target / "checkpoints/blobs").iterdir()
    assert os.path.samefile(blob, source / "checkpoints/blobs" / blob.name)
    assert (target / "artifacts/note-1.txt").stat().st_nlink == 1
    assert (target / "checkpoints/0002/state.json").stat().st_nlink == 1


def test_where_no_link_can_be_it_is_a_copy(source, target, monkeypatch):
    def refused(*_, **__):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refused)

    copy.prefix(source, 2, target)

    assert torch.equal(checkpoint.load(target, 2)["large"], torch.arange(300_000.0))


def test_files_are_as_they_were_then(source, target):
    copy.prefix(source, 2, target)

    found = {p.relative_to(target / "artifacts").as_posix() for p in RunView(target).artifacts()}
    assert found == {"note-0.txt", "note-1.txt", "note-2.txt", "rows.jsonl", "kept.bin"}
    assert (target / "artifacts/kept.bin").read_bytes() == b"kept 2"
    rows = (target / "artifacts/rows.jsonl").read_text().splitlines()
    assert [json.loads(row)["i"] for row in rows] == [0, 1, 2]


def test_a_file_that_the_checkpoint_needs_and_is_gone_is_named(source, target):
    shutil.rmtree(source / "artifacts/.kept")

    with pytest.raises(StoreError, match=r"kept\.bin is gone"):
        copy.prefix(source, 2, target)


def test_a_blob_that_goes_away_meanwhile_is_one_sentence(source, target):
    shutil.rmtree(source / "checkpoints/blobs")

    with pytest.raises(StoreError, match="went away while") as caught:
        copy.prefix(source, 2, target)
    assert "try again" in caught.value.hint


@pytest.mark.parametrize("name", ["checkpoints", "artifacts", "iterations.jsonl"])
def test_no_link_is_followed(source, target, tmp_path, name):
    shutil.move(source / name, tmp_path / "elsewhere")
    (source / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(IterunError):
        copy.prefix(source, 2, target)


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/passwd", "artifacts/../../outside.txt"])
def test_a_line_that_names_a_file_elsewhere_copies_nothing(source, target, tmp_path, name):
    (tmp_path / "outside.txt").write_text("secret")
    line = {"i": 0, "time": 0.0, "seconds": 0.0, "files": [name]}
    (source / "iterations.jsonl").write_text(json.dumps(line) + "\n")

    copy.prefix(source, 2, target)

    assert not [p for p in target.rglob("*") if p.is_file() and b"secret" in p.read_bytes()]


def test_a_folder_that_is_a_link_is_not_looked_into(source, target, tmp_path):
    """It may lead to the root of the disk: to list that takes minutes, and fails at the end."""
    shut = tmp_path / "elsewhere" / "shut"
    shut.mkdir(parents=True)
    shut.chmod(0)
    (source / "artifacts" / "away").symlink_to(shut.parent)
    line = {"i": 0, "time": 0.0, "seconds": 0.0, "files": ["artifacts/away", "artifacts/away/shut"]}
    (source / "iterations.jsonl").write_text(json.dumps(line) + "\n")

    copy.prefix(source, 2, target)

    assert not (target / "artifacts" / "away").exists()


def test_a_checkpoint_that_names_no_hash_is_refused(source, target):
    path = source / "checkpoints/0002/state.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps(document | {"blobs": {"t0": "../../../../etc/passwd"}}))

    with pytest.raises(StoreError, match="no content's hash"):
        copy.prefix(source, 2, target)


def test_a_torn_end_is_left_behind(source, target):
    with open(source / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":4,"ti')

    copy.prefix(source, 2, target)

    assert [line.i for line in RunView(target).iterations()] == [0, 1, 2]


def test_a_run_appears_whole_and_can_be_gone_on_with(outputs):
    with copy.appearing(outputs / "a/b/run") as part:
        copy.write_record(part, record=RECORD, config={"task": {}}, patch="diff")
        assert not (outputs / "a/b/run").exists()

    view = RunView(outputs / "a/b/run")
    assert (view.state, view.status.attempt, view.record.git) == (
        "interrupted", 0, {"patch": "code.patch"},
    )  # fmt: skip
    assert [path.name for path in (outputs / "a/b").iterdir()] == ["run"]


def test_an_error_leaves_no_folder_behind(outputs):
    with pytest.raises(ZeroDivisionError), copy.appearing(outputs / "a/b/run"):
        raise ZeroDivisionError

    assert not outputs.exists()


def test_a_folder_that_is_taken_meanwhile_is_left_alone(source, outputs):
    with pytest.raises(StoreError, match="in use"), copy.appearing(outputs / "run"):
        shutil.copytree(source, outputs / "run")

    assert sorted(path.name for path in outputs.iterdir()) == ["prune", "run"]


@pytest.mark.parametrize(
    ("pid", "stays"), [(2**22 + 1, False), (os.getpid(), True)], ids=["killed", "lives"]
)
def test_what_a_killed_process_began_is_removed_by_the_next(outputs, pid, stays):
    with copy.appearing(outputs / "first") as part:
        status = json.loads((part / "status.json").read_bytes())
        shutil.copytree(part, part.with_name(".part-1-other"))
    other = outputs / ".part-1-other"
    (other / "status.json").write_text(json.dumps(status | {"pid": pid}))

    with copy.appearing(outputs / "second"):
        assert other.exists() is stays


def begun(directory):
    with copy.appearing(directory) as part:
        copy.write_record(part, record=RECORD, config={"task": {}})


def test_a_run_that_another_process_goes_on_with_does_not_vanish(outputs):
    begun(outputs / "a/b/one")

    with RunWriter.reopen(outputs / "a/b/one") as writer:
        copy.vanish(outputs / "a/b/one", outputs)
        writer.status("completed", reason="length")
    copy.vanish(outputs / "a/b/one", outputs)

    assert RunView(outputs / "a/b/one").state == "completed"


def test_only_empty_folders_vanish_with_a_run(outputs):
    begun(outputs / "a/b/one")
    (outputs / "a/c").mkdir()

    copy.vanish(outputs / "a/b/one", outputs)

    assert [path.name for path in (outputs / "a").iterdir()] == ["c"]


def test_a_ref_to_no_artifacts_place_copies_nothing(source, target):
    path = source / "checkpoints/0002/state.json"
    document = json.loads(path.read_bytes())
    ref = Ref("../outside", "0" * 64)
    path.write_text(json.dumps(document | {"refs": [[ref.path, ref.sha256]]}))

    with pytest.raises(StoreError, match="gone or not what"):
        copy.prefix(source, 2, target)

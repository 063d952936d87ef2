import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import names, objects, same

from iterun.errors import DiskError, StoreError
from iterun.store import checkpoint
from iterun.store.reader import RunView
from iterun.store.schema import decode, encode
from iterun.types import Ref


def files(writer):
    root = writer.directory / "artifacts"
    return [path.relative_to(root).as_posix() for path in RunView(writer.directory).artifacts()]


def test_an_artifact_is_read_back_by_its_ref(writer):
    ref = writer.save_bytes("mask.bin", b"\1\0")

    assert ref.path == "artifacts/mask.bin"
    assert writer.load(ref).read_bytes() == b"\1\0"


def test_an_artifact_may_be_written_by_a_function(writer):
    ref = writer.save_bytes("deep/picture.png", lambda path: path.write_bytes(path.suffix.encode()))

    assert writer.load(ref).read_bytes() == b".png"


def test_artifacts_of_an_iteration_are_named_until_it_is_recorded(writer):
    writer.save_bytes("all.bin", b"")
    writer.save_bytes("a.png", b"", at=3)
    writer.save_bytes("level_{i}/b.png", b"", at=3)
    assert writer.files() == ["artifacts/0003/a.png", "artifacts/level_3/b.png"]

    writer.append(3, seconds=0.1, metrics={}, files=writer.files())

    assert writer.files() == []


def test_a_writer_that_fails_leaves_the_old_artifact(writer):
    writer.save_bytes("a.txt", b"old")

    with pytest.raises(ZeroDivisionError):
        writer.save_bytes("a.txt", lambda path: (path.write_bytes(b"ne"), 1 / 0))

    assert (writer.directory / "artifacts/a.txt").read_bytes() == b"old"
    assert [path.name for path in (writer.directory / "artifacts").iterdir()] == ["a.txt"]


@given(name=names, content=st.binary(max_size=30))
def test_any_name_is_saved_below_artifacts_or_refused(tmp_path_factory, name, content):
    writer = _Saver(tmp_path_factory.mktemp("run"))
    try:
        ref = writer.save(name, content, at=None)
    except StoreError:
        return
    assert writer.load(ref).read_bytes() == content


def _Saver(directory):  # noqa: N802  # stands for the class
    from iterun.store.artifacts import Artifacts

    return Artifacts(directory)


def test_a_file_behind_a_link_is_not_written(writer, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (writer.directory / "artifacts").mkdir()
    (writer.directory / "artifacts/out").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="is a link"):
        writer.save_bytes("out/a.txt", b"")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_changed_artifact_is_not_loaded(writer):
    ref = writer.save_bytes("a.txt", b"old")
    (writer.directory / ref.path).write_bytes(b"new")

    with pytest.raises(StoreError, match=r"a\.txt is gone or not what this run wrote") as caught:
        writer.load(ref)

    assert caught.value.hint


@pytest.mark.parametrize(
    "path", ["../secret", "/etc/hostname", "run.json", "artifacts/../run.json"]
)
def test_a_ref_that_leads_out_of_the_artifacts_is_not_followed(writer, path):
    with pytest.raises(StoreError):
        writer.load(Ref(path, "0" * 64))


def test_an_artifact_that_a_checkpoint_needs_survives_its_replacement(writer):
    ref = writer.save_bytes("mask.bin", b"of 1")
    checkpoint.save(writer.directory, 1, {"mask": ref})
    writer.save_bytes("mask.bin", b"of 2")
    assert writer.load(ref).read_bytes() == b"of 1"

    writer.drop_after(1)

    assert (writer.directory / "artifacts/mask.bin").read_bytes() == b"of 1"


def test_a_replaced_artifact_goes_with_the_last_checkpoint_that_needs_it(writer):
    ref = writer.save_bytes("mask.bin", b"of 1")
    checkpoint.save(writer.directory, 1, {"mask": ref})
    writer.save_bytes("mask.bin", b"of 2")
    checkpoint.delete(writer.directory, 1)

    assert checkpoint.collect(writer.directory) == 4
    with pytest.raises(StoreError):
        writer.load(ref)


@settings(max_examples=30)
@given(rows=st.lists(objects, max_size=4))
def test_appended_rows_come_back_with_their_iteration(tmp_path_factory, rows):
    saver = _Saver(tmp_path_factory.mktemp("run"))
    saver.append("replies.jsonl", 7, rows)
    saver.close()

    raw = (saver.root / "replies.jsonl").read_bytes().splitlines(keepends=False)
    found = [decode(line) for line in b"\n".join(raw).split(b"\n") if line]
    assert same(found, [{"i": 7, **{k: v for k, v in row.items() if k != "i"}} for row in rows])


def test_going_back_moves_later_rows_and_files_aside(writer, lines):
    for i in range(4):
        writer.append_rows("replies.jsonl", i, [{"n": 1}, {"n": 2}])
        writer.save_bytes("a.png", b"", at=i)
        writer.append(i, seconds=0.1, metrics={}, files=writer.files())

    writer.drop_after(1)

    writer.append_rows("replies.jsonl", 2, [{"n": 3}])
    assert files(writer) == ["0000/a.png", "0001/a.png", "replies.jsonl"]
    assert lines(writer.directory / "artifacts/replies.jsonl") == [0, 0, 1, 1, 2]
    assert lines(writer.directory / "artifacts/.dropped-1/replies.jsonl") == [2, 2, 3, 3]
    assert (writer.directory / "artifacts/.dropped-1/0003/a.png").is_file()


def test_a_line_cannot_have_files_moved_from_elsewhere(writer, tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")
    inside = ["run.json", "artifacts/../config.json"]
    writer.append(1, seconds=0.1, metrics={}, files=[str(tmp_path / "thesis.tex"), *inside])

    writer.drop_after(0)

    assert (tmp_path / "thesis.tex").is_file()
    assert RunView(writer.directory).config


def test_a_folder_appears_when_it_is_whole(writer):
    with writer.folder("model") as part:
        (part / "config.json").write_text("{}")
        assert files(writer) == []

    assert files(writer) == ["model/config.json"]


def test_a_folder_left_with_an_error_leaves_the_old_one(writer):
    with writer.folder("model") as part:
        (part / "old.json").write_text("{}")

    with pytest.raises(ZeroDivisionError), writer.folder("model") as part:
        (part / "new.json").write_text(str(1 / 0))

    assert files(writer) == ["model/old.json"]


def test_a_folder_replaces_the_old_one(writer):
    for name in ("old.json", "new.json"):
        with writer.folder("model") as part:
            (part / name).write_text("{}")

    assert files(writer) == ["model/new.json"]


def test_a_broken_list_of_appended_files_is_named(writer):
    writer.append_rows("replies.jsonl", 0, [{}])
    (writer.directory / "artifacts/.appended.json").write_bytes(encode({"a": 1}))

    with pytest.raises(StoreError, match=r"\.appended\.json can't be read"):
        writer.drop_after(0)


LINKED = {
    "iterations.dropped-1.jsonl": "file", "artifacts/.dropped-1": "folder",
    "artifacts/.dropped-1/0002": "folder", "artifacts/.dropped-1/rows.jsonl": "file",
}  # fmt: skip


@pytest.mark.parametrize("name", LINKED)
def test_what_is_given_up_goes_through_no_link(writer, tmp_path, name):
    target = tmp_path / "elsewhere"
    target.mkdir() if LINKED[name] == "folder" else target.write_text("mine")
    for i in range(3):
        writer.append_rows("rows.jsonl", i, [{}])
        writer.save_bytes("a.png", b"", at=i)
        writer.append(i, seconds=0.1, metrics={}, files=writer.files())
    (writer.directory / name).parent.mkdir(exist_ok=True)
    (writer.directory / name).symlink_to(target)

    with pytest.raises((StoreError, DiskError), match="is a link"):
        writer.drop_after(1)

    assert list(target.iterdir()) == [] if target.is_dir() else target.read_text() == "mine"


@pytest.mark.parametrize("name", ["sub/rows.jsonl", "rows.jsonl"])
def test_rows_go_through_no_link(writer, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    (writer.directory / "artifacts").mkdir()
    (writer.directory / "artifacts" / name.split("/")[0]).symlink_to(tmp_path / "elsewhere")

    with pytest.raises((StoreError, DiskError), match="is a link"):
        writer.append_rows(name, 1, [{"a": 1}])

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_replaced_artifact_is_not_put_aside_through_a_link(writer, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    checkpoint.save(writer.directory, 1, {"mask": writer.save_bytes("mask.bin", b"of 1")})
    (writer.directory / "artifacts/.kept").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="is a link"):
        writer.save_bytes("mask.bin", b"of 2")

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_list_of_appended_files_behind_a_link_is_not_read(writer):
    (writer.directory / "artifacts").mkdir()
    (writer.directory / "artifacts/.appended.json").symlink_to("/dev/zero")

    with pytest.raises(StoreError, match="is a link"):
        writer.append_rows("rows.jsonl", 1, [{}])


def test_no_ref_brings_a_file_back_outside_the_artifacts(writer):
    ref = writer.save_bytes("mask.bin", b"of 1")
    checkpoint.save(writer.directory, 1, {"mask": ref})
    writer.save_bytes("mask.bin", b"of 2")
    checkpoint.save(writer.directory, 1, {"mask": Ref("../planted", ref.sha256)})

    writer.drop_after(1)

    assert not (writer.directory.parent / "planted").exists()


def test_a_file_is_put_aside_while_a_checkpoint_cannot_say_that_it_needs_it(writer):
    ref = writer.save_bytes("mask.bin", b"of 1")
    checkpoint.save(writer.directory, 1, {"mask": ref})
    state = writer.directory / "checkpoints/0001/state.json"
    whole = state.read_bytes()
    state.write_bytes(b"{")

    writer.save_bytes("mask.bin", b"of 2")

    state.write_bytes(whole)
    assert writer.load(ref).read_bytes() == b"of 1"

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CONFIG, RECORD
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.schema import Summary, encode
from iterun.store.writer import RunWriter

EVERYTHING = ("record", "config", "status", "state", "summary")


def read_all(directory):
    view = RunView(directory)
    for name in EVERYTHING:
        getattr(view, name)
    return view.iterations(), view.checkpoints(), view.artifacts(), view.log()


def garble(text):
    return lambda path: path.write_bytes(text)


def to_pipe(path):
    path.unlink()
    os.mkfifo(path)


def to_folder(path):
    path.unlink()
    path.mkdir()


def to_link(path):
    elsewhere = path.with_name("elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


BREAKS = {
    "empty": garble(b""),
    "zeros": garble(b"\0" * 4096),
    "not JSON": garble(b"{"),
    "a list": garble(b"[]"),
    "other types": garble(b'{"id":1,"state":2,"i":"x","time":0,"seconds":0,"schema":[]}'),
    "not UTF-8": garble(b'{"state":"\xff"}'),
    "deep": garble(b"[" * 100_000 + b"]" * 100_000),
    "endless digits": garble(b'{"state":' + b"9" * 10_000 + b"}"),
    "huge": lambda path: os.truncate(path, 1 << 40),
    "a pipe": to_pipe,
    "a folder": to_folder,
    "a link": to_link,
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
}
FILES = ("run.json", "config.json", "status.json", "summary.json")
ALL_FILES = (*FILES, "iterations.jsonl")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", BREAKS)
def test_an_unreadable_file_is_named_with_a_next_step(make, name, how):
    directory = make("aa11")
    BREAKS[how](directory / name)
    if (name, how) == ("config.json", "other types"):
        return  # a config may hold anything

    with pytest.raises(StoreError, match=f"{name} can't be read") as caught:
        read_all(directory)

    assert str(directory) in caught.value.message
    assert caught.value.hint


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run directory, and the bytes of its files."""
    directory = tmp_path_factory.mktemp("runs") / "run"
    with RunWriter.create(directory, record=replace(RECORD), config=CONFIG) as writer:
        writer.append(1, seconds=0.5, metrics={"ppl": 2.5}, labels={"phase": "warm"})
        writer.summary(Summary(state="running", last={"ppl": 2.5}, best={"i": 1, "value": 2.5}))
    return directory, {name: (directory / name).read_bytes() for name in ALL_FILES}


@settings(max_examples=300)
@given(
    name=st.sampled_from(ALL_FILES),
    at=st.integers(0, 700),
    cut=st.integers(0, 40),
    junk=st.binary(max_size=3) | st.sampled_from([b"NaN", b"{", b'"', b"9"]),
)
def test_a_damaged_file_is_read_or_named(whole, name, at, cut, junk):
    directory, contents = whole
    for other, content in contents.items():
        (directory / other).write_bytes(content)
    (directory / name).write_bytes(contents[name][:at] + junk + contents[name][at + cut :])

    fault = None
    try:
        read_all(directory)
    except StoreError as error:
        fault = error
    assert fault is None or (name in fault.message and fault.hint)


@pytest.mark.parametrize("how", ["huge", "a pipe", "a folder", "a link", "a link to nowhere"])
def test_an_unreadable_log_of_iterations_is_named(make, how):
    directory = make("aa11")
    BREAKS[how](directory / "iterations.jsonl")

    with pytest.raises(StoreError, match=r"iterations\.jsonl") as caught:
        read_all(directory)

    assert caught.value.hint


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"i":1}', b'{"i":"x","time":0,"seconds":0}', b"\xff"]
)
def test_a_bad_line_between_good_ones_is_named(make, line):
    path = make("aa11") / "iterations.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + b"".join(rest))

    with pytest.raises(StoreError, match=r"iterations\.jsonl: line 2") as caught:
        RunView(path.parent).iterations()

    assert caught.value.hint.startswith("take it out, as in `sed -i 2d ")


@pytest.mark.parametrize("end", [b'{"i":3,"ti', b"\0" * 5000, b'{"i":3,"metrics":\n', b"\n"])
def test_a_torn_end_is_passed_over(make, end):
    path = make("aa11") / "iterations.jsonl"
    with open(path, "ab") as file:
        file.write(end)

    assert [line.i for line in RunView(path.parent).iterations()] == [0, 1, 2]


def test_every_prefix_of_the_log_is_readable(make):
    path = make("aa11") / "iterations.jsonl"
    whole = path.read_bytes()

    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert len(RunView(path.parent).iterations()) == whole[:length].count(b"\n")


def test_a_missing_folder_is_no_run(tmp_path):
    with pytest.raises(StoreError, match="no such folder") as caught:
        _ = RunView(tmp_path / "nowhere").record

    assert caught.value.hint == "`iterun ls` lists the runs"


def test_a_folder_without_a_record_is_no_run(tmp_path):
    with pytest.raises(StoreError, match=r"run\.json can't be read: no such file"):
        _ = RunView(tmp_path).id


def test_a_run_without_a_summary_has_none(make):
    directory = make("aa11")
    (directory / "summary.json").unlink()

    assert RunView(directory).summary is None


def test_a_run_without_a_status_is_lost(make):
    directory = make("aa11")
    (directory / "status.json").unlink()

    assert RunView(directory).state == "lost"


def test_what_the_hint_for_a_bad_status_says_works(make):
    directory = make("aa11")
    garble(b"\0")(directory / "status.json")
    with pytest.raises(StoreError, match=r"status\.json"):
        RunWriter.reopen(directory)

    (directory / "status.json").unlink()

    with RunWriter.reopen(directory) as writer:
        assert (writer.attempt, RunView(directory).state) == (2, "running")


@pytest.fixture
def with_status(make):
    """A run with these changes to its status."""

    def change(**changes):
        directory = make("cc33", state="running")
        status = {**vars(RunView(directory).status), **changes}
        (directory / "status.json").write_bytes(encode(status))
        return RunView(directory)

    return change


def test_a_run_whose_process_is_gone_is_lost(with_status, child):
    gone = child("tell", "hello")
    gone.wait()

    assert with_status(pid=gone.pid).state == "lost"


def test_a_run_whose_process_waits_to_be_buried_is_lost(with_status, child):
    zombie = child("tell", "hello")
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)

    assert with_status(pid=zombie.pid, start_ticks=start_ticks_of(zombie.pid)).state == "lost"


def start_ticks_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def test_a_pid_that_was_given_to_another_process_is_not_the_run(with_status):
    assert with_status(pid=os.getpid()).state == "running"
    assert with_status(pid=os.getpid(), start_ticks=1).state == "lost"


def test_elsewhere_a_run_lives_as_long_as_its_heart_beats(with_status):
    assert with_status(boot_id="another machine").state == "running"
    assert with_status(boot_id="another machine", heartbeat=time.time() - 61).state == "lost"


def test_artifacts_are_regular_files_reached_without_links(make, tmp_path):
    root = make("aa11") / "artifacts"
    (root / "model").mkdir(parents=True)
    (root / "model/a.bin").write_text("")
    (root / ".kept").mkdir()
    (root / ".kept/b.bin").write_text("")
    (root / "out").symlink_to(tmp_path)
    (root / "passwd").symlink_to("/etc/passwd")
    os.mkfifo(root / "pipe")

    assert RunView(root.parent).artifacts() == [root / "model/a.bin"]


def test_linked_folders_in_a_run_are_not_entered(make):
    one, other = make("aa11"), make("bb22")
    (other / "artifacts").mkdir()
    (other / "artifacts/a.bin").write_text("")
    (other / "checkpoints/0001").mkdir(parents=True)
    for name in ("artifacts", "checkpoints"):
        (one / name).symlink_to(other / name)

    assert (RunView(one).artifacts(), RunView(one).checkpoints()) == ([], [])


def test_a_run_directory_may_be_a_link_itself(make, tmp_path):
    (tmp_path / "best").symlink_to(make("aa11"))

    assert RunView(tmp_path / "best").id == "aa11"


def test_reading_writes_nothing(make):
    directory = make("aa11")
    before = {path: path.stat().st_mtime_ns for path in [directory, *directory.rglob("*")]}

    read_all(directory)

    assert {path: path.stat().st_mtime_ns for path in before} == before


DAMAGED = [
    ("run.json", "created", "x"),
    ("run.json", "objective", {"metric": "ppl"}),
    ("run.json", "objective", {"metric": ["ppl"], "goal": "min"}),
    ("run.json", "parent", {"run": 3}),
    ("summary.json", "best", {"x": 1}),
    ("summary.json", "best", {"i": 1, "value": None}),
    ("summary.json", "objective", {"goal": "min"}),
]


@pytest.mark.parametrize(("name", "key", "value"), DAMAGED)
def test_a_part_of_the_wrong_shape_is_named(make, name, key, value):
    path = make("aa11") / name
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    with pytest.raises(StoreError, match=rf"{name} can't be read: .*{key}"):
        [RunView(path.parent).record, RunView(path.parent).summary]

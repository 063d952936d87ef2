import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import CONFIG, RECORD

from iterun.errors import StoreError
from iterun.store import disk
from iterun.store.reader import RunView
from iterun.store.schema import Summary
from iterun.store.writer import RunWriter


def test_a_run_that_ends_can_be_read(make):
    view = RunView(make("aa11", last={"ppl": 28.0}))

    assert (view.id, view.system, view.state) == ("aa11", "prune/perp", "completed")
    assert [line.metrics["ppl"] for line in view.iterations()] == [30.0, 29.0, 28.0]
    assert view.config == CONFIG
    assert view.summary.last == {"ppl": 28.0}


def test_twenty_iterations_of_five_metrics_take_12_kilobytes_and_8_files_with_hydra_s(writer):
    for i in range(21):
        metrics = {f"a_longer_name_{n}": (i + 1) / (n + 3.7) for n in range(5)}
        writer.append(i, seconds=0.1234567891, metrics=metrics)
    writer.summary(Summary(state="completed", last=metrics, parameters={"seed": 1}))
    writer.status("completed")

    files = [path for path in writer.directory.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 8_000  # Hydra's and versions: 4 kB more
    assert len(files) == 5  # .hydra holds three


def test_a_folder_with_hydra_s_settings_is_taken(tmp_path):
    (tmp_path / ".hydra").mkdir()

    RunWriter.create(tmp_path, record=replace(RECORD), config=CONFIG).close()

    assert RunView(tmp_path).state == "running"


def test_a_folder_that_holds_something_is_refused_and_left_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").write_text("all of it")

    with pytest.raises(StoreError, match=r"thesis\.tex") as caught:
        RunWriter.create(tmp_path, record=replace(RECORD), config=CONFIG)

    assert "hydra.run.dir" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_patch_is_kept_beside_the_record(tmp_path):
    record = replace(RECORD, git={"commit": "c0ffee", "dirty": True})

    RunWriter.create(tmp_path, record=record, config={}, patch="+one\n").close()

    name = RunView(tmp_path).record.git["patch"]
    assert (tmp_path / name).read_text() == "+one\n"


def test_iterations_can_be_read_while_the_run_goes_on(writer):
    writer.append(1, seconds=0.5, metrics={"ppl": float("inf")}, cost={"mb": 1}, labels={"a": "b"})

    (line,) = RunView(writer.directory).iterations()
    assert (line.metrics, line.cost, line.labels) == ({"ppl": float("inf")}, {"mb": 1}, {"a": "b"})
    assert RunView(writer.directory).state == "running"


def test_the_status_says_how_far_the_run_is(writer):
    writer.append(4, seconds=0.5, metrics={})
    writer.append(5, seconds=0.5, metrics={})
    writer.status("interrupted", reason="SIGTERM")

    status = RunView(writer.directory).status
    assert (status.state, status.reason, status.iteration) == ("interrupted", "SIGTERM", 5)


def test_the_heartbeat_shows_progress_without_the_loop_writing(writer):
    beaten = threading.Event()
    write = writer._status._write
    writer._status._write = lambda **how: (write(**how), beaten.set())

    writer.append(3, seconds=0.5, metrics={})
    writer.start_heartbeat(every=0.001)

    assert beaten.wait(20)
    assert RunView(writer.directory).status.iteration == 3


def test_a_changed_config_keeps_the_old_one(writer):
    writer.rewrite_config({"stop": {"iterations": 9}})
    writer.rewrite_config({"stop": {"iterations": 12}})

    assert RunView(writer.directory).config == {"stop": {"iterations": 12}}
    assert json.loads((writer.directory / "config.1.json").read_bytes()) == CONFIG


def test_what_is_logged_ends_in_a_line_feed(writer):
    writer.log("first")
    writer.log("half a character: \ud800\n")

    assert RunView(writer.directory).log() == "first\nhalf a character: \\ud800\n"


def test_nothing_is_logged_without_a_log(writer):
    assert not (writer.directory / "log.txt").exists()
    assert RunView(writer.directory).log() == ""


def test_going_back_moves_later_lines_aside(writer, lines):
    for i in range(5):
        writer.append(i, seconds=0.1, metrics={"ppl": i})

    assert writer.drop_after(2) == 2

    writer.append(3, seconds=0.1, metrics={"ppl": 9})
    assert lines(writer.directory / "iterations.jsonl") == [0, 1, 2, 3]
    assert lines(writer.directory / "iterations.dropped-1.jsonl") == [3, 4]


def test_going_back_before_the_first_moves_all(writer):
    for i in range(3):
        writer.append(i, seconds=0.1, metrics={})

    assert writer.drop_after(-1) == 3
    assert RunView(writer.directory).iterations() == []
    assert RunView(writer.directory).status.iteration is None


def test_a_torn_last_line_is_moved_too_and_not_counted(writer):
    writer.append(0, seconds=0.1, metrics={})
    with open(writer.directory / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":1,"time":17')

    assert writer.drop_after(0) == 0

    assert (writer.directory / "iterations.dropped-1.jsonl").read_bytes() == b'{"i":1,"time":17\n'
    assert [line.i for line in RunView(writer.directory).iterations()] == [0]


def test_lines_that_a_power_loss_garbled_after_the_checkpoint_are_moved(writer):
    writer.append(0, seconds=0.1, metrics={})
    with open(writer.directory / "iterations.jsonl", "ab") as file:
        file.write(b"\0" * 700 + b"\n")
    writer.append(2, seconds=0.1, metrics={})

    writer.drop_after(0)

    assert [line.i for line in RunView(writer.directory).iterations()] == [0]


def test_a_garbled_line_that_the_resume_needs_is_refused_and_nothing_moved(writer):
    with open(writer.directory / "iterations.jsonl", "ab") as file:
        file.write(b"\0" * 700 + b"\n")
    writer.append(1, seconds=0.1, metrics={})
    before = (writer.directory / "iterations.jsonl").read_bytes()

    with pytest.raises(StoreError, match="line 1 is not JSON"):
        writer.drop_after(1)

    assert (writer.directory / "iterations.jsonl").read_bytes() == before


def test_what_became_of_null_parameters_is_added_to_the_record(writer):
    writer.resolve({"window": 128})

    assert RunView(writer.directory).record.resolved == {"window": 128}


def test_saved_artifacts_are_on_the_disk_before_a_checkpoint_counts_on_them(writer, monkeypatch):
    """Which ones were written is known to the run alone, so that one without waits for nothing."""
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(_path(fd)), fsync(fd)))
    monkeypatch.setattr(disk, "_fdatasync", os.fsync)
    writer.sync()
    writer.save_bytes("deep/a.bin", b"1")
    with writer.folder("model") as part:
        (part / "w.bin").write_bytes(b"2")
    synced.clear()

    writer.sync()

    short = {path.relative_to(writer.directory).as_posix() for path in synced}
    root = "artifacts"
    files = {f"{root}/deep/a.bin", f"{root}/model/w.bin"}
    assert short == files | {".", root, f"{root}/deep", f"{root}/model", "iterations.jsonl"}


def _path(fd):
    return Path(os.readlink(f"/proc/self/fd/{fd}"))

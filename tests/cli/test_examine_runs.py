"""`iterun doctor --runs`: every fault is told with a remedy, and repairs lose nothing."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from iterun.store import checkpoint
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord, Status, encode
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="aaaa", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """A run of three iterations with two checkpoints and an artifact that they refer to."""

    def make(id: str = "aaaa", state: str = "completed", **changes: Any) -> Path:
        directory = tmp_path / "outputs" / "prune" / "perp" / f"20261124-101500-opt-mini-{id}"
        record = replace(RECORD, id=id, **changes)
        with RunWriter.create(directory, record=record, config={"task": {}}) as writer:
            for i in range(3):
                ref = writer.save_bytes("mask.bin", bytes(9 + i), at=i)
                writer.append(i, seconds=0.1, metrics={"ppl": 9.0 - i}, files=writer.files())
                if i:
                    large = torch.full((1 << 18,), float(i))
                    checkpoint.save(directory, i, {"large": large, "small": large[:9], "mask": ref})
            writer.status(state, iteration=2)
        return directory

    return make


def says(directory: Path, **fields: Any) -> None:
    """Write a status of another machine's process."""
    (directory / "status.json").write_bytes(encode(Status(**fields).to_json()))


def torn(run: Path) -> None:
    with open(run / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":3,"ti')


def dead(run: Path) -> None:
    says(run, state="running", pid=9, host="node9", heartbeat=time.time() - 3600, iteration=2)


def unreadable_checkpoint(run: Path) -> None:
    (run / "checkpoints/0002/state.json").write_text("{")


def blob_gone(run: Path) -> None:
    wanted = checkpoint.blobs(run, 2).pop()
    (run / f"checkpoints/blobs/{wanted}.safetensors").unlink()


def summary_is_no_json(run: Path) -> None:
    (run / "summary.json").write_text("{")


def marks_are_a_list(run: Path) -> None:
    (run / "marks.json").write_text('["best"]')


def status_is_empty(run: Path) -> None:
    (run / "status.json").write_text("")


FIXABLE = {
    torn: "the last line is torn: 10 bytes",
    dead: "its process is gone (process 9 on node9)",
    unreadable_checkpoint: "0002 can't be read",
    blob_gone: "0002 can't be read",
    summary_is_no_json: "summary.json can't be read",
    marks_are_a_list: "marks.json can't be read: not a JSON object",
    status_is_empty: "status.json can't be read: empty",
}


def contents(folder: Path) -> list[bytes]:
    """What the files hold, wherever they stand now; the status is the doctor's to write."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != "status.json")
    return sorted(file.read_bytes() for file in files)


@pytest.mark.parametrize("harm", FIXABLE, ids=lambda harm: harm.__name__)
def test_a_fault_is_told_repaired_and_gone(iterun: Any, run: Any, harm: Any) -> None:
    directory = run()
    harm(directory)
    before = b"".join(contents(directory))

    told, fixed, after = (iterun("doctor", "--runs", *w) for w in ([], ["--fix"], []))

    assert (told.status, fixed.status, after.status) == (1, 0, 0), fixed.out + after.out
    assert FIXABLE[harm] in told.out
    assert "done: " in fixed.out
    assert len(before) <= len(b"".join(contents(directory))) + 1  # a torn line gets its end
    assert iterun("show", "aaaa").status == 0


def test_a_sound_run_is_sound(iterun: Any, run: Any) -> None:
    run()

    answer = iterun("doctor", "--runs", "--deep")

    assert answer.lines[-1] == "all is well"
    assert answer.status == 0


def test_a_newest_checkpoint_set_aside_lets_the_one_before_be_gone_on_with(
    iterun: Any, run: Any
) -> None:
    directory = run(state="interrupted")
    unreadable_checkpoint(directory)

    iterun("doctor", "--runs", "--fix")

    assert checkpoint.available(directory) == [1]
    assert (directory / "checkpoints/.dropped-1/0002/state.json").read_text() == "{"


def test_a_dead_run_is_interrupted_after_a_repair(iterun: Any, run: Any) -> None:
    directory = run()
    dead(directory)

    iterun("doctor", "--runs", "--fix")

    status = RunView(directory).status
    assert (status.state, status.reason, status.host) == ("interrupted", "lost", "node9")


def change_a_byte(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def test_only_a_deep_look_sees_a_changed_byte(iterun: Any, run: Any) -> None:
    directory = run()
    content = checkpoint.blobs(directory, 1).pop()
    change_a_byte(directory / f"checkpoints/blobs/{content}.safetensors")
    change_a_byte(directory / "artifacts/0002/mask.bin")

    assert iterun("doctor", "--runs").status == 0
    answer = iterun("doctor", "--runs", "--deep")
    assert answer.status == 1
    assert "is torn or was changed" in answer.out
    assert "checkpoint 2 needs artifacts/0002/mask.bin, which is gone or not" in answer.out


def artifact_gone(run: Path) -> None:
    (run / "artifacts/0002/mask.bin").unlink()


def line_in_the_middle(run: Path) -> None:
    path = run / "iterations.jsonl"
    path.write_bytes(b"{\n" + path.read_bytes())


def leads_out(run: Path) -> None:
    (run / "artifacts/out").symlink_to("/etc/passwd")


def a_pipe(run: Path) -> None:
    os.mkfifo(run / "artifacts/pipe")


def file_outside(run: Path) -> None:
    with open(run / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":3,"time":1.0,"seconds":0.1,"files":["artifacts/../../x"]}\n')


UNFIXABLE = {
    artifact_gone: "named by iterations, but gone: artifacts/0002/mask.bin",
    line_in_the_middle: "line 1 is not JSON",
    leads_out: "leading out of the run, and never followed: artifacts/out",
    a_pipe: "neither a file nor a folder: artifacts/pipe",
    file_outside: "no artifact's name: artifacts/../../x",
}


@pytest.mark.parametrize("harm", UNFIXABLE, ids=lambda harm: harm.__name__)
def test_what_can_not_be_repaired_is_told_and_stays(iterun: Any, run: Any, harm: Any) -> None:
    directory = run()
    harm(directory)

    answer = iterun("doctor", "--runs", "--fix")

    assert answer.status == 1
    assert UNFIXABLE[harm] in answer.out
    assert "hint: " in answer.out


def test_what_is_no_harm_is_told_and_counts_not(iterun: Any, run: Any) -> None:
    directory = run(created="2126-11-24T10:15:00+01:00")
    (directory / "thesis.tex").write_text("mine")
    (directory / ".part-7-x").write_text("half")
    (directory / "link").symlink_to("run.json")

    answer = iterun("doctor", "--runs")

    assert answer.status == 0
    for text in ("yet to come", "not iterun's: thesis.tex", ".part-7-x", "never followed: link"):
        assert text in answer.out
    iterun("doctor", "--runs", "--fix")
    assert not (directory / ".part-7-x").exists()
    assert (directory / "thesis.tex").exists()


def test_a_running_run_is_looked_at_gently(iterun: Any, run: Any) -> None:
    directory = run(state="running")
    torn(directory)
    (directory / ".part-7-x").write_text("half")

    assert iterun("doctor", "--runs", "--fix").lines[-1] == "all is well"
    assert (directory / ".part-7-x").exists()


def test_a_broken_and_a_stale_index_are_told_and_built_anew(
    iterun: Any, run: Any, tmp_path: Path
) -> None:
    directory, index = run(), tmp_path / "outputs" / ".index.sqlite"
    iterun("ls")
    os.utime(directory, (0, 1e9))
    for folder in (directory.parent, *directory.parents[1:3]):
        os.utime(folder, (0, 1e9))
    iterun("ls")
    text = (directory / "run.json").read_text()
    (directory / "run.json").write_text(text.replace('"seed":1', '"seed":2'))

    assert "it holds 1 run otherwise than the directories" in iterun("doctor", "--runs").out
    assert iterun("doctor", "--runs", "--fix").status == 0
    index.write_bytes(b"no database" * 100)
    assert "is broken" in iterun("doctor", "--runs").out
    assert iterun("ls").status == 0


def test_it_is_told_to_machines(iterun: Any, run: Any) -> None:
    dead(run())
    run("bbbb")

    told = json.loads(iterun("doctor", "--runs", "--json").out)

    assert (told["ok"], told["runs"]) == (False, 2)
    assert [(f["kind"], f["id"], f["fixable"]) for f in told["findings"]] == [
        ("dead", "aaaa", True)
    ]
    assert json.loads(iterun("doctor", "--runs", "--json", "bbbb").out)["ok"]


def test_its_options_need_the_runs(iterun: Any) -> None:
    assert iterun("doctor", "--fix").status == 2

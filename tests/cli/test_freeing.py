"""`iterun gc`: what goes, what stays, and that the dry run tells the truth."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from iterun.store import checkpoint, trees
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="live", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip

KEEP = {"every": 1, "share": None, "grace": 10, "last": 2, "best": 1, "every_kept": None}
PPL = [30.0, 20.0, 25.0, 24.0, 23.0]  # iteration 1 is the best


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """A run with a checkpoint of 4 MB in each of its five iterations."""

    def make(id: str = "aaaa", state: str = "completed", keep: Any = KEEP, **changes: Any) -> Path:
        record = replace(RECORD, id=id, **changes)
        directory = tmp_path / "outputs" / "prune" / "perp" / f"20261124-101500-opt-mini-{id}"
        config = {"task": {}, "checkpoint": keep}
        with RunWriter.create(directory, record=record, config=config) as writer:
            for i, ppl in enumerate(PPL):
                ref = writer.save_bytes("mask.bin", bytes(100 + i))
                writer.append(i, seconds=0.1, metrics={"ppl": ppl})
                large = torch.full((1 << 18,), float(i))
                checkpoint.save(directory, i, {"large": large, "mask": ref})
            writer.status(state)
        return directory

    return make


def freed(answer: Any) -> dict[str, Any]:
    return json.loads(answer.out)["freed"]


def test_a_dry_run_tells_what_a_real_one_frees(iterun: Any, run: Any) -> None:
    directory = run()
    before = trees.size(directory)

    dry = iterun("gc", "--dry-run", "--json")
    assert trees.size(directory) == before
    real = iterun("gc", "--json")

    assert freed(dry) == freed(real)
    assert before - trees.size(directory) == json.loads(real.out)["bytes"] > 2 << 20
    assert {kind: x["count"] for kind, x in freed(real).items()} == {"checkpoints": 2, "orphans": 4}
    assert checkpoint.available(directory) == [1, 3, 4]  # the best one, and the two newest


def test_what_is_kept_can_still_be_loaded(iterun: Any, run: Any) -> None:
    directory = run()

    iterun("gc", "checkpoint.last=1", "checkpoint.best=1", "--yes")

    assert checkpoint.available(directory) == [1, 4]
    assert checkpoint.load(directory, 1)["large"][0] == 1.0
    with RunWriter.reopen(directory) as writer:
        assert writer.load(checkpoint.load(directory, 1)["mask"]).read_bytes() == bytes(101)


def test_gc_twice_frees_nothing_more(iterun: Any, run: Any) -> None:
    run()
    iterun("gc")

    assert "there is nothing to free" in iterun("gc").err


def test_the_newest_checkpoint_of_an_unfinished_run_stays(iterun: Any, run: Any) -> None:
    directory = run(state="interrupted")
    checkpoint.save(directory, 5, {"inner": {"files": []}})

    iterun("gc", "checkpoint.last=1", "checkpoint.best=0", "--yes")

    assert checkpoint.available(directory) == [4, 5]  # one inside an iteration is none to fork


def test_where_a_fork_began_stays(iterun: Any, run: Any) -> None:
    directory = run(parent={"run": "zzzz", "iteration": 2})

    iterun("gc")

    assert 2 in checkpoint.available(directory)


def test_a_running_run_is_left_alone(iterun: Any, run: Any, tmp_path: Path) -> None:
    directory = run(state="running")

    assert json.loads(iterun("gc", "--json").out)["bytes"] == 0
    assert checkpoint.available(directory) == [0, 1, 2, 3, 4]


def test_an_unreadable_checkpoint_keeps_all_that_it_may_need(iterun: Any, run: Any) -> None:
    directory = run()
    (directory / "checkpoints/0004/state.json").write_text("[")
    before = trees.size(directory)

    answer = iterun("gc")

    assert "left alone: aaaa: " in answer.err
    assert trees.size(directory) == before


def test_left_overs_of_the_dead_go_and_those_of_this_minute_stay(iterun: Any, run: Any) -> None:
    directory = run(keep={**KEEP, "last": None})
    iterun("gc")
    for name in (".part-7-summary.json", "artifacts/.old-mask.bin", ".claim-3"):
        (directory / name).write_text("half")
        os.utime(directory / name, (0, time.time() - 3600))
    (directory / ".part-8-marks.json").write_text("new")

    assert freed(iterun("gc", "--json")) == {"leftovers": {"count": 3, "bytes": 12}}
    assert (directory / ".part-8-marks.json").exists()


def test_what_resumes_gave_up_goes_only_when_asked(iterun: Any, run: Any) -> None:
    directory = run(keep={**KEEP, "last": None})
    iterun("gc")
    for name in (
        "iterations.dropped-2.jsonl",
        "artifacts/.dropped-2/a",
        "checkpoints/.dropped-2/b",
    ):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_text("given up")
    (directory / "artifacts/mine.dropped-2.jsonl").write_text("mine")

    assert "24 B more with --dropped" in iterun("gc").err
    assert freed(iterun("gc", "--dropped", "--yes", "--json"))["dropped"]["count"] == 3
    assert (directory / "artifacts/mine.dropped-2.jsonl").exists()


def test_a_sweep_that_came_to_nothing_goes(iterun: Any, run: Any, tmp_path: Path) -> None:
    run(sweep={"id": "used", "job": 0})
    sweeps = tmp_path / "outputs" / ".sweeps"
    for name, inside in (("empty", "sweep.json"), ("used", "sweep.json"), ("study", "study.db")):
        (sweeps / name).mkdir(parents=True)
        (sweeps / name / inside).write_text("{}")
        for path in (sweeps / name / inside, sweeps / name):
            os.utime(path, (0, time.time() - 7200))

    iterun("gc")

    assert sorted(path.name for path in sweeps.iterdir()) == ["study", "used"]


def test_old_trash_goes_with_its_age(iterun: Any, run: Any, tmp_path: Path) -> None:
    run()
    iterun("rm", "aaaa")

    assert "more with --trash AGE" in iterun("gc").err
    assert iterun("gc", "--trash", "1d", "--yes").status == 0
    assert iterun("gc", "--trash", "0s").status == 2  # nobody can be asked
    assert list(freed(iterun("gc", "--trash", "0s", "--yes", "--json"))) == ["trash"]
    assert list((tmp_path / "outputs" / ".trash").iterdir()) == []


def test_a_folder_that_never_became_a_run_goes_and_a_foreign_one_stays(
    iterun: Any, run: Any, tmp_path: Path
) -> None:
    place = run().parent
    for name, inside in (("left", "iterations.jsonl"), ("foreign", "thesis.tex")):
        (place / name).mkdir()
        (place / name / inside).write_text("")
        for path in (place / name / inside, place / name):
            os.utime(path, (0, time.time() - 3600))

    iterun("gc")

    assert not (place / "left").exists()
    assert (place / "foreign" / "thesis.tex").exists()


def test_a_fork_that_was_killed_while_it_was_made_goes(iterun: Any, run: Any) -> None:
    run(keep={**KEEP, "last": None})
    iterun("gc")
    part = run("bbbb").with_name(".part-7-20261124-101500-cccc")
    part.mkdir()
    (part / "status.json").write_text('{"state":"interrupted","pid":9,"heartbeat":1.0}')

    assert freed(iterun("gc", "aaaa", "--json")) == {}
    assert freed(iterun("gc", "--json"))["leftovers"]["count"] == 1
    assert not part.exists()


@pytest.mark.parametrize("word", ["checkpoint.lst=1", "checkpoint.last=0", "checkpoint.last=a"])
def test_a_setting_that_keeps_nothing_is_refused(iterun: Any, run: Any, word: str) -> None:
    run()

    answer = iterun("gc", word, "--yes")

    assert answer.status == 2
    assert "hint: " in answer.err


def test_links_lead_nowhere(iterun: Any, run: Any, tmp_path: Path) -> None:
    directory, outside = run(), tmp_path / "outside"
    outside.mkdir()
    (outside / "0000").mkdir()
    (outside / "0000" / "state.json").write_text("mine")
    (directory / "checkpoints").rename(tmp_path / "moved")
    (directory / "checkpoints").symlink_to(outside)
    (directory / "artifacts" / ".dropped-2").symlink_to(outside)

    iterun("gc", "--dropped", "--yes")

    assert (outside / "0000" / "state.json").read_text() == "mine"

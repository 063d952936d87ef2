"""`iterun schedule` as it is typed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from iterun.ops.lr_refinement import refine
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run whose norms begin high; the current folder is empty."""

    def run(norms, task=None):
        record = RunRecord(
            id="c0ffee11", system="prune/lth", family="prune", signature="5e1f", seed=1,
            created="2026-11-24T10:15:00+01:00", command=["iterun", "task=prune/lth", "seed=1"],
        )  # fmt: skip
        place = tmp_path / "outputs" / "prune" / "lth" / "20261124-101500-x-c0ffee11"
        with RunWriter.create(place, record=record, config={"task": task or {}}) as writer:
            rows = [{"step": t, "grad_norm": float(norm)} for t, norm in enumerate(norms)]
            writer.append_rows("gradient_norms.jsonl", 1, rows)
            writer.append(1, seconds=0.5, metrics={"acc": 0.5})

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return run


NORMS = 1 + 9 * np.exp(-np.linspace(0, 20, 200))


def test_the_schedule_and_its_picture_are_written_here(iterun, trained, tmp_path):
    trained(NORMS)

    answer = iterun("schedule", "c0ff")

    assert (answer.status, answer.err) == (0, "")
    with open(tmp_path / "here" / "refined_schedule.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["step", "multiplier"]
    assert [float(x) for _, x in rows[1:]] == refine(NORMS).multipliers.tolist()
    with Image.open(tmp_path / "here" / "refined_schedule.png") as picture:
        assert picture.width > 1000


@pytest.mark.parametrize(
    ("target", "end"),
    [
        ("iterun.tasks.prune.lth.Lth", "next: iterun task=prune/lth seed=1 schedule=file"),
        ("iterun.tasks.sample.dds.Dds", "prune/lth reads no schedule; others do: schedule"),
        ("another.package.Task", "next: iterun task=prune/lth seed=1 schedule=file"),
    ],
)
def test_the_next_line_is_for_systems_that_read_a_schedule(target, end, iterun, trained):
    trained(NORMS, {"_target_": target})

    assert iterun("schedule", "c0ff").lines[-1].startswith(end)


def test_what_was_read_and_what_came_of_it_is_told(iterun, trained):
    trained(NORMS)

    lines = iterun("schedule", "c0ff").lines

    found = refine(NORMS)
    told = "\n".join(lines)
    assert "grad_norm, 200 steps of gradient_norms.jsonl" in told
    assert f"step {found.peak_step}" in told
    assert f"linear {found.bound_linear:.4g}, refined {found.bound_refined:.4g}" in told
    assert lines[-1] == (
        "next: iterun task=prune/lth seed=1 schedule=file schedule.path=refined_schedule.csv"
    )


def test_the_next_line_composes(iterun, trained, tmp_path):
    from iterun.config.compose import compose
    from iterun.data.schedules import file

    trained(NORMS)
    line = iterun("schedule", "c0ff", "--out", "a b.csv").lines[-1].removeprefix("next: iterun ")

    import shlex

    config = compose(shlex.split(line))
    assert config.schedule.path == "a b.csv"
    assert file(200, path="a b.csv").values == pytest.approx(refine(NORMS).multipliers)


def test_norms_that_collapse_are_warned_of(iterun, trained):
    trained(np.exp(-np.linspace(0, 10, 200)))

    answer = iterun("schedule", "c0ff")

    assert answer.status == 0
    assert answer.err.startswith("warning: the norms collapse")


def test_json_has_the_numbers_and_the_places(iterun, trained, tmp_path):
    trained(NORMS)

    found = json.loads(iterun("schedule", "c0ff", "--json", "--tau", "0.2").out)

    assert (found["n"], found["tau"], found["power"], found["collapses"]) == (200, 0.2, 2, False)
    assert found["bound_refined"] < found["bound_linear"]
    assert found["out"] == str(tmp_path / "here" / "refined_schedule.csv")
    assert found["next"].endswith("schedule.path=refined_schedule.csv")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tau", "x"], "'x' is not a number"),
        (["--tau", "0.7"], "--tau 0.7 is outside [0, 0.5]"),
        (["--power", "3"], "--power 3 is not one of auto, 1, 2"),
        (["--metric", "loss"], "has no loss"),
        (["--metric", "acc"], "acc of run c0ffee11 has 1 values"),
        (["--out", "."], "--out . is a folder"),
        (["--out", "a.png"], "--out a.png: the schedule is a table"),
        (["--out", "none/a.csv"], "is in no folder that is there"),
    ],
)
def test_what_cannot_be_is_refused_and_writes_nothing(iterun, trained, tmp_path, words, said):
    trained(NORMS)

    answer = iterun("schedule", "c0ff", *words)

    assert answer.status == 2
    assert said in answer.err
    assert list((tmp_path / "here").iterdir()) == []


def test_an_iteration_is_refused(iterun, trained):
    trained(NORMS)

    answer = iterun("schedule", "c0ff@1")

    assert answer.status == 2
    assert "takes whole runs" in answer.err

"""A stranger's run is data: each tool is told it whole, and nothing is written elsewhere."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from iterun.config.menu import read_choice
from iterun.config.targets import TRACKERS, instantiate
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter
from iterun.trackers.process import Process
from iterun.trackers.tracker import Tracker

ESCAPE = "\x1b[31m\u202e"
HALF, OTHER_HALF = "\ud800", "\ud801"
RECORD = RunRecord(
    id="x' OR '1'='1", system=f"../../evil/{ESCAPE}", family="..", signature=ESCAPE, seed=1,
    created="2026-11-24T10:15:00+01:00", parent={"run": ESCAPE, "iteration": -1},
    sweep={"id": f"../../{ESCAPE}", "job": 1},
)  # fmt: skip
METRICS = {
    "../../x": 1.0, "/abs": 2.0, "_step": 3.0, "__p": 1.0, "step": 4.0, "timestamp": 5.0, "": 6.0,
    ESCAPE: 7.0, HALF: 8.0, "a" * 600: 9.0, "huge": 1e308, "whole": 10**40, "none": math.nan,
}  # fmt: skip


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A run with every name and number that a tool could stumble over."""
    directory = tmp_path / "runs" / "here" / "a"
    config = {"task": {}, "tags": ["<b>" + "x" * 300, ESCAPE, ""]}
    with RunWriter.create(directory, record=RECORD, config=config) as writer:
        for i in range(3):
            many = {f"m{k}": 1.0 for k in range(1500)} if i == 2 else {}
            writer.append(
                i, seconds=0.5, metrics={**METRICS, **many}, cost={OTHER_HALF: 5.0},
                labels={HALF: HALF + ESCAPE}, files=[],
            )  # fmt: skip
        parameters = {
            HALF: HALF,
            "../p": {"a": [1, {"b": None}]},
            "n": math.nan,
            ESCAPE: "y" * 20000,
        }
        result = {HALF: 1.0, "r": math.inf}
        writer.summary(
            Summary(state="completed", parameters=parameters, result=result, seconds=1e18)
        )
        writer.status("completed", iteration=2)
    return directory


@pytest.fixture(params=["tensorboard", "mlflow", "wandb", "trackio"])
def process(request: pytest.FixtureRequest, place: Path) -> Iterator[Process]:
    """Of a tool, at a place of its own."""
    tool = request.param
    pytest.importorskip(tool, exc_type=ImportError)
    node = dict(read_choice("logger", tool)[tool])
    made = instantiate(node.pop("_target_"), node, Tracker, "logger", within=TRACKERS)
    found = Process(dataclasses.replace(made, place=str(place)))
    yield found
    found.close()


@pytest.mark.slow
def test_a_strangers_run_is_told_whole_and_stays_in_its_place(
    process: Process, stranger: Path, tmp_path: Path
) -> None:
    process.tell(stranger)

    assert process.answers.get(timeout=120) == {"done": 3}
    assert {path.name for path in tmp_path.iterdir()} == {"runs", "place"}
    assert [path.name for path in (tmp_path / "runs").rglob("*") if path.is_dir()] == ["here", "a"]

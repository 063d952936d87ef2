"""A run directory with everything that another tool can be told."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from iterun.store import marks
from iterun.store.reader import RunView
from iterun.store.schema import Iteration, RunRecord, Summary
from iterun.store.writer import RunWriter
from iterun.trackers.follow import tell
from iterun.trackers.tracker import Tracker

ID = "3f9a1c2b"
PARAMETERS = {"sparsity": 0.5, "rows": [1, 2], "warm": True, "window": None, "criterion": "wanda"}
RECORD = RunRecord(
    id=ID, system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective={"metric": "ppl", "goal": "min"},
    parent={"run": "0a0b0c0d", "iteration": 7}, sweep={"id": "20261124-1015-sweep", "job": 3},
)  # fmt: skip
PPL = [30.5, 25.5, math.nan, math.inf, 24.25]


def png() -> bytes:
    """A picture of 3 by 2."""
    data = io.BytesIO()
    Image.new("L", (3, 2), 128).save(data, "PNG")
    return data.getvalue()


class Grown:
    """A run directory that can grow."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        config = {"task": PARAMETERS, "tags": ["first", "large"]}
        with RunWriter.create(directory, record=RECORD, config=config) as writer:
            self._write(writer, PPL)
            writer.save_bytes("mask.png", png(), at=2)
            self._end(writer, len(PPL) - 1)
        marks.set_note(directory, "looks |good|")

    def grow(self, *ppl: float, state: str = "completed") -> None:
        """Go on with the run: iterations are recorded, and it ends again."""
        with RunWriter.reopen(self.directory) as writer:
            self._write(writer, ppl, first=(last := self.lines[-1].i) + 1)
            self._end(writer, last + len(ppl), state)

    @property
    def lines(self) -> list[Iteration]:
        """What is recorded."""
        return RunView(self.directory).iterations()

    def curve(self, name: str) -> list[tuple[int, float, float]]:
        """Iteration, time and value of a metric, as recorded."""
        return [(line.i, line.time, line.metrics[name]) for line in self.lines]

    def _write(self, writer: RunWriter, ppl: Any, first: int = 0) -> None:
        for i, value in enumerate(ppl, first):
            writer.append(
                i, seconds=0.5, metrics={"ppl": value, "fd@4": i / 8, "tokens": 100 * i},
                cost={"peak_mem_mb": 512.0}, labels={"phase": "warm" if i < 2 else "prune"},
                files=[],
            )  # fmt: skip

    def _end(self, writer: RunWriter, last: int, state: str = "completed") -> None:
        writer.summary(
            Summary(
                state=state, reason="length", parameters={**PARAMETERS, "seed": 1},
                objective=RECORD.objective, last={"ppl": 24.25}, best={"i": 4, "value": 24.25},
                result={"ppl_dense": 20.25, "how": "dense"}, iterations=last, seconds=2.5,
            )
        )  # fmt: skip
        writer.status(state, reason="length", iteration=last)


@pytest.fixture
def run(tmp_path: Path) -> Grown:
    """A completed run of five iterations: a fork, of a sweep, with tags, a note and a picture."""
    return Grown(tmp_path / "outputs" / "prune" / "perp" / f"20261124-101500-opt-mini-{ID}")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where a tool keeps what it is told."""
    return tmp_path / "place"


@pytest.fixture
def told(run: Grown, place: Path) -> Callable[..., int]:
    """Tells the run to a tool; how many iterations were new."""

    def tell_to(cls: type[Tracker], **settings: Any) -> int:
        return tell(cls(place=str(place), wait=20.0, **settings), run.directory)

    return tell_to

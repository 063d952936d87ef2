"""Small runs of sample/lcm_lora in this process, on barely trained digits or a tiny pipeline."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from iterun.config.compose import compose, to_plain
from iterun.launch.fork import prepare
from iterun.launch.local import launch, resume
from iterun.store.checkpoint import available, delete
from iterun.store.reader import RunView

sys.path.insert(0, str(Path(__file__).parents[2] / "models"))  # for tiny_pipeline

USUAL = ["task=sample/lcm_lora", "backend=cpu", "backend.threads=1", "task.gif=false"]
DIGITS = ["model.train_steps=20", "model.classifier_steps=20"]
SMALL = [
    "task.rounds=3", "task.steps_per_round=2", "task.batch=8", "task.lora_rank=2",
    "task.images=40", "task.eval_steps=[1,2]", "task.steps=2",
]  # fmt: skip
EVERY_CHECKPOINT = ["checkpoint.share=null", "checkpoint.last=null"]


def run(directory: Path, *overrides: str) -> RunView:
    config = to_plain(compose([*USUAL, *overrides]))
    launch(
        config, directory=directory, outputs=directory.parent, argv=[], listener=lambda event: None
    )
    return RunView(directory)


def resumed(view: RunView, after: int, directory: Path) -> RunView:
    """A copy of a run that goes on from iteration `after`, as if it had been killed there."""
    shutil.copytree(view.directory, directory)
    for checkpoint in available(directory):
        if checkpoint > after:
            delete(directory, checkpoint)
    resume(directory, [], lambda mode: lambda event: None)
    return RunView(directory)


def forked(view: RunView, after: int, outputs: Path, *changes: str) -> RunView:
    """A fork of a run at iteration `after`."""
    fork = prepare(view.directory, list(changes), outputs=outputs, iteration=after, argv=[])
    fork.begin(lambda mode: lambda event: None)
    return RunView(fork.directory)


def story(view: RunView) -> list[tuple[int, dict[str, float], dict[str, str]]]:
    return [(line.i, line.metrics, line.labels) for line in view.iterations()]


def artifacts(view: RunView) -> dict[str, bytes]:
    """What the run delivers, by name."""
    folder = view.directory / "artifacts"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()}
    return {name: (folder / name).read_bytes() for name in names if not name.startswith(".")}

"""Kills a run at random moments, resumes it each time, and counts what is lost. It must be nothing.

    python scripts/stress_kill.py [--kills 200] [--seed 0] [--folder DIR]

A process that has imported torch forks the attempts, so that two hundred take minutes. Before each
next attempt every line that a killed one had recorded is noted; at the end each must stand in
iterations.jsonl or in a file of dropped lines, whole, and the run must equal one never killed, bit
for bit in metrics and labels. Exit status 1 if anything is missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.core import resume, runner
from iterun.core.job import Job
from iterun.core.procedure import Procedure
from iterun.errors import IterunError
from iterun.store import paths
from iterun.store.schema import RunRecord
from iterun.types import Placement

if TYPE_CHECKING:
    from iterun.core.run import Run

SLOWEST = 0.12  #: seconds after which an attempt is killed, at most
PACE = 0.0005  #: seconds that an iteration works
CHECKPOINT = {"every": 3, "share": None, "last": 2, "best": 1, "every_kept": None, "grace": 10}


@dataclass(kw_only=True)
class Walk(Procedure):
    """A random walk that appends rows, saves artifacts, and keeps a tensor beside its position."""

    steps: int

    def start(self, run: Run) -> None:
        import torch

        self.run, self.x, self.tensor = run, 0.0, torch.zeros(64, 64)

    def length(self) -> int:
        return self.steps

    def step(self, i: int) -> dict[str, float]:
        threading.Event().wait(PACE)
        step = float(self.run.numpy("step").normal())
        self.x += step
        self.tensor += self.x
        self.run.append("walk.jsonl", [{"x": self.x}])
        if i % 7 == 0:
            self.run.save_json("place.json", {"x": self.x}, at=i)
        return {"x": self.x, "total": float(self.tensor.sum())}

    def state(self) -> dict[str, Any]:
        return {"x": self.x, "tensor": self.tensor}

    def restore(self, state: dict[str, Any]) -> None:
        self.x, self.tensor = state["x"], state["tensor"]


def attempt(directory: Path, steps: int) -> int:
    """Begin the run, or go on with it, in this process; its exit status."""
    record = RunRecord(
        id="stress", system="own/walk", family="own", signature="0", seed=1,
        created="2026-11-24T10:15:00+01:00",
    )  # fmt: skip
    job = Job(
        procedure=Walk(steps=steps), config={"task": {"steps": steps}}, record=record,
        directory=directory, place=Placement(device="cpu", dtype="float32", threads=1),
        checkpoint=CHECKPOINT, objective={"metric": "x", "goal": "max"},
        resume_from=resume.plan(directory) if (directory / paths.RUN).exists() else None,
    )  # fmt: skip
    return runner.run(job).exit_status


def killed_once(directory: Path, steps: int, after: float) -> int | None:
    """Fork an attempt and kill it after a time; its exit status, None: it was killed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = attempt(directory, steps)
        except IterunError as error:
            sys.stderr.write(f"{error}\n")
        finally:
            os._exit(status)
    killer = threading.Timer(after, os.kill, (pid, signal.SIGKILL))
    killer.start()
    _, status = os.waitpid(pid, 0)
    killer.cancel()
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def whole_lines(path: Path) -> list[str]:
    """The lines of a file that end in a line break."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [line for line in text.split("\n")[:-1] if line]


def numbers(directory: Path) -> list[Any]:
    """What a run promises to repeat: iteration and metrics of each line."""
    found = [json.loads(line) for line in whole_lines(directory / paths.ITERATIONS)]
    return [(line["i"], line["metrics"], line.get("labels")) for line in found]


def lost(directory: Path, seen: set[str]) -> set[str]:
    """The recorded lines that stand nowhere any more."""
    kept = {line for path in directory.glob("iterations*.jsonl") for line in whole_lines(path)}
    return seen - kept


def main() -> int:
    """Kill, resume, count; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=None)
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    folder = asked.folder or Path(tempfile.mkdtemp())
    moments, seen = random.Random(asked.seed), set[str]()
    directory, kills, steps = folder / "killed", 0, 100_000
    while kills < asked.kills:
        status = killed_once(directory, steps, moments.uniform(0.0, SLOWEST))
        if status is not None:
            sys.stderr.write(f"attempt {kills + 1} ended by itself, with exit status {status}\n")
            return 1
        kills += 1
        if not (directory / paths.RUN).exists():
            continue
        seen.update(whole_lines(directory / paths.ITERATIONS))
        if gone := lost(directory, seen):
            sys.stderr.write(f"kill {kills}: {len(gone)} recorded lines are gone: {min(gone)}\n")
            return 1
    last = numbers(directory)[-1][0]
    attempt(folder / "whole", last)
    equal = numbers(folder / "whole")[: last + 1] == numbers(directory)
    print(
        f"{kills} kills, {len(seen)} lines recorded, 0 lost, {last} iterations done; "
        f"{'equal' if equal else 'NOT EQUAL'} to the run that was never killed"
    )
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the runner adds to an iteration: recording, progress events, stop rules, heartbeat.

    python scripts/bench/bench_runner.py [--iterations 20000] [--repeats 7]

A trivial procedure of five scalars, with a listener that looks at each event, five stop rules in
force and the heartbeat's thread; once with checkpoints under their default share of a tenth of the
force and the heartbeat thread; once with checkpoints under their default share of a tenth of the
os.write. Medians over the repeats, in µs an iteration. Bar: 25 µs, checkpoints aside.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from iterun.core.procedure import Procedure
from iterun.core.progress import Event, IterationDone
from iterun.core.runner import Job, run
from iterun.store.schema import RunRecord
from iterun.types import Placement

if TYPE_CHECKING:
    from iterun.core.run import Run

BAR = 25.0  # µs


@dataclass(kw_only=True)
class Trivial(Procedure):
    """Five scalars an iteration, at no cost."""

    n: int

    def start(self, run: Run) -> None:
        self.began = 0.0

    def length(self) -> int:
        return self.n

    def step(self, i: int) -> dict[str, float]:
        if i == 1:
            self.began = time.perf_counter()
        if i == self.n:
            self.ended = time.perf_counter()
        return scalars(i)


def scalars(i: int) -> dict[str, float]:
    """Five numbers that look like a run's."""
    x = 1.0 / (i + 3)
    return {"loss": x, "accuracy": 1.0 - x, "sparsity": 0.5 + x, "kl": x * x, "tokens": 128}


class Listener:
    """Keeps what a display would show."""

    def __init__(self) -> None:
        self.line: tuple[int, float | None] = (0, None)

    def __call__(self, event: Event) -> None:
        if isinstance(event, IterationDone):
            self.line = (event.i, event.objective)


def runner(folder: Path, n: int, checkpoint: dict[str, Any]) -> float:
    """µs an iteration through the whole runner."""
    procedure = Trivial(n=n)
    record = RunRecord(
        id="bench", system="bench/trivial", family="bench", signature="", seed=0, created=""
    )
    stop = {
        "iterations": n + 1, "target": -1.0, "patience": n, "seconds": 3600, "tokens": 10**12,
    }  # fmt: skip
    outcome = run(
        Job(
            procedure=procedure, config={}, record=record, directory=folder, listener=Listener(),
            place=Placement(device="cpu", dtype="float32", threads=1), stop=stop,
            checkpoint=checkpoint, objective={"metric": "loss", "goal": "min"},
        )
    )  # fmt: skip
    if outcome.state != "completed":
        raise SystemExit(outcome.error)
    return (procedure.ended - procedure.began) / (n - 1) * 1e6


def bare(path: Path, n: int) -> float:
    """µs a line of json.dumps and os.write, and nothing else."""
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    began = time.perf_counter()
    for i in range(n):
        line = {"i": i, "time": time.time(), "seconds": 0.0, "metrics": scalars(i)}
        os.write(fd, json.dumps(line).encode() + b"\n")
    ended = time.perf_counter()
    os.close(fd)
    return (ended - began) / n * 1e6


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    n = options.iterations
    cases: dict[str, list[float]] = {"runner": [], "with checkpoints": [], "bare json+write": []}
    with tempfile.TemporaryDirectory() as folder:
        for r in range(options.repeats):
            base = Path(folder, str(r))
            base.mkdir()
            cases["runner"].append(runner(base / "a", n, {"every": 10 * n}))
            cases["with checkpoints"].append(runner(base / "b", n, {}))
            cases["bare json+write"].append(bare(base / "c", n))
    for name, times in cases.items():
        print(f"{name:17} {statistics.median(times):6.1f} µs  (least {min(times):.1f})")
    print(f"bar for the runner: {BAR} µs, {n} iterations, {options.repeats} repeats")


if __name__ == "__main__":
    main()

"""What looking ahead costs: the rule an iteration, and `iterun forecast` from the shell's call on.

    python scripts/bench/bench_forecast.py

Medians of seven; processor time of the rule, wall time of the commands, beside `iterun show` of the
same run of 40 iterations in the same round. The first forecast of a process imports scipy besides.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from iterun.ops.forecast import Forecaster, Rule
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

ROUNDS = 7
LENGTHS = (10, 40, 200)
COMMANDS = ("show @-1", "forecast @-1", "forecast @-1@13", "plot @-1", "plot @-1 --forecast")


def values(n: int) -> list[float]:
    """Accuracies along a power law, with noise."""
    x = np.arange(1, n + 1)
    noise = np.random.default_rng(0).standard_normal(n)
    return list(0.9 - 0.5 * x**-0.8 + 0.002 * noise)


def main() -> None:
    began = time.process_time()
    _last(3)
    print(f"first forecast of a process: {time.process_time() - began:.2f} s")
    for n in LENGTHS:
        seconds = statistics.median(_last(n) for _ in range(ROUNDS))
        print(f"the rule after iteration {n}: {seconds * 1e3:.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        _make(Path(folder, "outputs", "learn", "curve", "3f9a1c2b"))
        environment = {**os.environ, "ITERUN_OUTPUTS": str(Path(folder, "outputs"))}
        taken: dict[str, list[float]] = {line: [] for line in COMMANDS}
        for _ in range(ROUNDS + 1):
            for line, found in taken.items():
                found.append(_once(line, environment))
        for line, found in taken.items():
            some = found[1:]  # the first one builds the index
            print(
                f"iterun {line:<22} {statistics.median(some):.2f} s "
                f"({min(some):.2f} to {max(some):.2f})"
            )


def _last(n: int) -> float:
    """Seconds of the last of n observations."""
    seen, taken = Forecaster(Rule(), rising=True), 0.0
    for i, value in enumerate(values(n), 1):
        began = time.process_time()
        seen.see(i, float(i), value, 2 * n)
        taken = time.process_time() - began
    return taken


def _make(folder: Path) -> None:
    objective = {"metric": "acc", "goal": "max"}
    record = RunRecord(
        id=folder.name, system="learn/curve", family="learn", signature="5e1f", seed=1,
        created="2026-11-24T10:15:00+01:00", objective=objective,
    )  # fmt: skip
    with RunWriter.create(folder, record=record, config={"task": {}}) as writer:
        for i, value in enumerate(values(40), 1):
            writer.append(i, seconds=0.5, metrics={"acc": value})
        writer.length(60)
        writer.summary(Summary(state="completed", last={"acc": value}, objective=objective))
        writer.status("completed", reason="length", iteration=40)


def _once(line: str, environment: dict[str, str]) -> float:
    began = time.perf_counter()
    words = [sys.executable, "-m", "iterun", *line.split()]
    subprocess.run(words, env=environment, capture_output=True, check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()

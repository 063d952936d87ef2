"""How long a run takes to start, beside an empty Hydra program.

    python scripts/bench/bench_start.py [repeats]

Each start is a fresh interpreter that has torch, numpy and the model's code imported already (their
import is set aside); the clock runs from there, importing Hydra counted in, to the moment when the
procedure's `start` is called, or the empty program's function. Goal: at most 0.1 s more than empty.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOAL = 0.1  # seconds beside Hydra's own start

SYSTEM = """
import time
from dataclasses import dataclass
from iterun.core.procedure import Procedure

@dataclass(kw_only=True)
class Nothing(Procedure):
    def start(self, run):
        global STARTED
        STARTED = time.perf_counter()
    def length(self):
        return 0
"""
TASK = "_target_: nothing_system.Nothing\nabout: {system: bench/nothing}\n"
OURS = """
import json, sys, time
import numpy, torch
import nothing_system
import iterun.data.text, iterun.models.lm
began = time.perf_counter()
from iterun.launch.main import run_line
run_line(sys.argv[1:], lambda mode: lambda event: None)
print(json.dumps(nothing_system.STARTED - began))
"""
EMPTY = """
import json, time
import numpy, torch
began = time.perf_counter()
import hydra
@hydra.main(version_base="1.3", config_path=None)
def app(config):
    print(json.dumps(time.perf_counter() - began))
app()
"""
LINES = {
    "no model": ["task=bench/nothing"],
    "opt-mini and pydoc": ["task=bench/nothing", "model=opt-mini", "data=pydoc"],
}


def seconds(folder: Path, script: str, words: list[str]) -> float:
    """One start: what the child printed."""
    done = subprocess.run(
        [sys.executable, script, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(done.stdout))


def main(repeats: int) -> int:
    """Measure; 1 if the goal is missed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf/task/bench").mkdir(parents=True)
        (folder / "conf/task/bench/nothing.yaml").write_text(TASK)
        (folder / "nothing_system.py").write_text(SYSTEM)
        (folder / "ours.py").write_text(OURS)
        (folder / "empty.py").write_text(EMPTY)
        times: dict[str, list[float]] = {"empty": [], **{line: [] for line in LINES}}
        for _ in range(repeats):
            times["empty"].append(seconds(folder, "empty.py", []))
            for line, words in LINES.items():
                times[line].append(seconds(folder, "ours.py", ["--config-dir", "conf", *words]))
    medians = {line: statistics.median(values) for line, values in times.items()}
    print(f"{'empty Hydra program':24} {medians['empty'] * 1000:6.0f} ms")
    for line in LINES:
        more = medians[line] - medians["empty"]
        print(f"{line:24} {medians[line] * 1000:6.0f} ms  {more * 1000:+5.0f} ms (goal +100)")
    return int(any(medians[line] - medians["empty"] > GOAL for line in LINES))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))

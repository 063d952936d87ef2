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
        STARTED = time.perf_counter(), time.process_time()
    def length(self):
        return 0
"""
TASK = "_target_: nothing_system.Nothing\nabout: {system: bench/nothing}\n"
OURS = """
import json, sys, time
import numpy, torch
import nothing_system
import iterun.data.text, iterun.models.lm
began = time.perf_counter(), time.process_time()
from iterun.launch.main import run_line
run_line(sys.argv[1:], lambda mode: lambda event: None)
print(json.dumps([end - start for end, start in zip(nothing_system.STARTED, began)]))
"""
EMPTY = """
import json, time
import numpy, torch
began = time.perf_counter(), time.process_time()
import hydra
@hydra.main(version_base="1.3", config_path=None)
def app(config):
    ended = time.perf_counter(), time.process_time()
    print(json.dumps([end - start for end, start in zip(ended, began)]))
app()
"""
LINES = {
    "no model": ["task=bench/nothing"],
    "opt-mini and pydoc": ["task=bench/nothing", "model=opt-mini", "data=pydoc"],
}


def seconds(folder: Path, script: str, words: list[str]) -> tuple[float, float]:
    """One start, as the child printed it: wall time, and time of a core."""
    done = subprocess.run(
        [sys.executable, script, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    wall, core = json.loads(done.stdout)
    return wall, core


def main(repeats: int) -> int:
    """Measure in turns, so that a busy moment meets all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf/task/bench").mkdir(parents=True)
        (folder / "conf/task/bench/nothing.yaml").write_text(TASK)
        (folder / "nothing_system.py").write_text(SYSTEM)
        (folder / "ours.py").write_text(OURS)
        (folder / "empty.py").write_text(EMPTY)
        times: dict[str, list[tuple[float, float]]] = {line: [] for line in ("empty", *LINES)}
        for _ in range(repeats):
            times["empty"].append(seconds(folder, "empty.py", []))
            for line, words in LINES.items():
                times[line].append(seconds(folder, "ours.py", ["--config-dir", "conf", *words]))
    return report(times)


def report(times: dict[str, list[tuple[float, float]]]) -> int:
    """Print medians; 1 if the goal is missed."""
    medians = {line: [statistics.median(of) for of in zip(*values, strict=True)]
               for line, values in times.items()}  # fmt: skip
    empty = medians.pop("empty")
    print(f"{'':24} {'wall':>8} {'core':>8}")
    print(f"{'empty Hydra program':24} {empty[0] * 1000:5.0f} ms {empty[1] * 1000:5.0f} ms")
    for line, (wall, core) in medians.items():
        more = (
            f"{(wall - empty[0]) * 1000:+.0f} ms wall, {(core - empty[1]) * 1000:+.0f} ms of a core"
        )
        print(f"{line:24} {wall * 1000:5.0f} ms {core * 1000:5.0f} ms   {more} (goal +100)")
    return int(any(wall - empty[0] > GOAL for wall, _ in medians.values()))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))

"""What a short job of a local sweep costs, beside Hydra's own launchers with an equal job.

    python scripts/bench/bench_sweep.py [jobs] [repeats]

The job counts to 3: as good as no work of its own. Each sweep is a fresh interpreter that has torch
and Hydra imported already; the clock runs from the line to its end. Two sweeps of different length
are subtracted, so that what a sweep costs once is left out: (seconds of n jobs - seconds of 2) /
(n - 2). Hydra's program composes a config of two groups, writes `.hydra/` and counts to 3; it keeps
no record, takes no checkpoint and looks at no code. Goal: at most 60 ms a job, in one process.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
GOAL = 0.06  # seconds a job, in one process

SYSTEM = """
from dataclasses import dataclass
from iterun.core.procedure import Procedure

@dataclass(kw_only=True)
class Count(Procedure):
    to: int
    def start(self, run):
        self.total = 0
    def length(self):
        return self.to
    def step(self, i):
        self.total += 1
        return {"total": self.total}
    def state(self):
        return {"total": self.total}
    def restore(self, state):
        self.total = state["total"]
"""
TASK = """_target_: count_system.Count
about: {system: bench/count}
objective: {metric: total, goal: max}
to: 3
"""
OURS = """
import json, sys, time
import torch, hydra, omegaconf
import count_system
if __name__ == "__main__":
    from iterun.launch.main import run_line
    began = time.perf_counter()
    run_line(["--config-dir", "conf", "-m", "task=bench/count", *sys.argv[1:]],
             lambda mode: lambda event: None)
    print(json.dumps(time.perf_counter() - began))
"""
HYDRAS = """
import json, sys, time
import torch, hydra, omegaconf
@hydra.main(version_base="1.3", config_path="hydras", config_name="config")
def count(config):
    total = 0
    for i in range(config.task.to):
        total += 1
    return total
if __name__ == "__main__":
    sys.argv.insert(1, "-m")
    began = time.perf_counter()
    count()
    print(json.dumps(time.perf_counter() - began))
"""
HYDRAS_CONF = {
    "config.yaml": "defaults: [_self_, {task: count}, {backend: auto}, "
    "{override hydra/job_logging: none}, {override hydra/hydra_logging: none}]\nseed: 0\n",
    "task/count.yaml": "to: 3\nby: 1\nobjective: {metric: total, goal: max}\n",
    "backend/auto.yaml": "device: auto\ndtype: null\nthreads: auto\n",
}
SWEEPS = {
    "hydra basic": ("hydras.py", ["hydra/launcher=basic"]),
    "iterun local": ("ours.py", []),
    "hydra joblib, 2 workers": ("hydras.py", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
    "iterun joblib, 2 workers": ("ours.py", ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]),
}


def seconds(folder: Path, script: str, words: list[str], jobs: int) -> float:
    """One sweep, as the child printed it."""
    done = subprocess.run(
        [sys.executable, script, *words, f"seed=range(0,{jobs})"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": f"{folder}:{ROOT}", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


def prepare(folder: Path) -> None:
    """Write both programs."""
    (folder / "conf/task/bench").mkdir(parents=True)
    (folder / "conf/task/bench/count.yaml").write_text(TASK)
    (folder / "count_system.py").write_text(SYSTEM)
    (folder / "ours.py").write_text(OURS)
    (folder / "hydras.py").write_text(HYDRAS)
    for name, text in HYDRAS_CONF.items():
        path = folder / "hydras" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main(jobs: int, repeats: int) -> int:
    """Measure in turns, so that a busy moment meets all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        short: dict[str, list[float]] = {sweep: [] for sweep in SWEEPS}
        long: dict[str, list[float]] = {sweep: [] for sweep in SWEEPS}
        for _ in range(repeats):
            for sweep, (script, words) in SWEEPS.items():
                short[sweep].append(seconds(folder, script, words, 2))
                long[sweep].append(seconds(folder, script, words, jobs))
        return report(short, long, jobs)


def report(short: dict[str, list[float]], long: dict[str, list[float]], jobs: int) -> int:
    """Print medians; 1 if the goal is missed."""
    print(f"{'':26} {'a job':>8} {f'{jobs} jobs':>9} {'2 jobs':>8}")
    each = {}
    for sweep in SWEEPS:
        two, all_of = statistics.median(short[sweep]), statistics.median(long[sweep])
        each[sweep] = (all_of - two) / (jobs - 2)
        print(f"{sweep:26} {each[sweep] * 1000:5.0f} ms {all_of:7.2f} s {two:6.2f} s")
    print(f"goal: iterun local at most {GOAL * 1000:.0f} ms a job")
    return int(each["iterun local"] > GOAL)


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given) if len(given) == 2 else main(given[0] if given else 50, 3))

"""What `iterun ls` takes with many runs (bars: 1,000 runs 0.25 s, 10,000 runs 0.40 s).

    python scripts/bench/bench_ls.py [FOLDER [COUNT...]]

Makes COUNT (1,000 and 10,000) finished run directories, then times the command as a process of its
own: the first call, which builds the index, and warm ones. "in-process" is what of that the store
takes: importing it and sqlite, refreshing the index, and the rows themselves.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from iterun.store import paths
from iterun.store.schema import Iteration, RunRecord, Status, Summary, encode

ROUNDS = 7
SYSTEMS = ("prune/perp", "prune/lth", "sample/dds", "refine/iot", "rlhf/rise", "learn/mra")
MODELS = ("opt-mini", "opt-125m", "smollm2-135m")
START = datetime(2026, 1, 1, tzinfo=UTC)
CALLS: tuple[list[str], ...] = (
    [],
    ["sparsity>0.5", "ppl_final<40"],
    ["task=prune*", "status=completed", "--sort", "ppl_final"],
    ["--json", "-n", "20"],
)
IN_PROCESS = """
import sys, time
start = time.perf_counter()
from pathlib import Path
from iterun.store.index import Index
from iterun.store.filters import parse
with Index(Path(sys.argv[1])) as index:
    index.refresh()
    sort = sys.argv[2] if len(sys.argv) > 2 else None
    rows = index.rows(parse(sys.argv[3:]), sort=sort, limit=20)
    [row.to_json() for row in rows]
print(time.perf_counter() - start)
"""


def make_runs(outputs: Path, count: int) -> None:
    """Finished run directories as the runner leaves them, but for Hydra's own files."""
    for k in range(count):
        record, summary = _run(k)
        directory = outputs / record.system / f"{k:06d}-{record.model}-{record.id}"
        directory.mkdir(parents=True)
        for name, data in (
            (paths.CONFIG, {"task": summary.parameters, "model": {"name": record.model}}),
            (paths.RUN, record.to_json()),
            (paths.STATUS, Status(state=summary.state, iteration=20, heartbeat=1.0).to_json()),
            (paths.SUMMARY, summary.to_json()),
        ):
            (directory / name).write_bytes(encode(data) + b"\n")
        lines = (Iteration(i=i, time=1.0, seconds=0.5, metrics=summary.last) for i in range(20))
        log = b"".join(encode(line.to_json()) + b"\n" for line in lines)
        (directory / paths.ITERATIONS).write_bytes(log)
    for folder in (outputs, *outputs.rglob("*/")):  # stamps younger than 2 s aren't trusted
        os.utime(folder, (0, 1e9))


def _run(k: int) -> tuple[RunRecord, Summary]:
    system, model = SYSTEMS[k % len(SYSTEMS)], MODELS[k % 7 % len(MODELS)]
    record = RunRecord(
        id=f"{k:08x}", system=system, family=system.split("/")[0], signature=f"{k // 5:064x}",
        seed=k % 5, created=(START + timedelta(minutes=k)).isoformat(), model=model, data="pydoc",
        host="node17", version="0.1.0", python="3.11.7", objective={"metric": "ppl", "goal": "min"},
        packages={name: "1.2.3" for name in ("torch", "transformers", "numpy", "hydra-core")},
    )  # fmt: skip
    metrics = {"ppl": 20 + k % 97 / 3, "ppl_final": 20 + k % 89 / 3, "sparsity": k % 100 / 100,
               "loss": 1 / (k + 1), "params_trained": 1000.0 + k}  # fmt: skip
    parameters = {f"setting_{n}": n * k for n in range(12)} | {"sparsity": k % 100 / 100}
    return record, Summary(
        state="completed", reason="length", iterations=20, seconds=12.5, last=metrics,
        best={"i": 7, "value": 20.5}, result={"ppl_dense": 19.5, "ppl_final": metrics["ppl_final"]},
        parameters={**parameters, "model": model, "data": "pydoc", "seed": k % 5},
        objective=record.objective, costs={"peak_mem_mb": 512.0, "tokens_per_s": 1e4},
    )  # fmt: skip


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else None
    for count in [int(n) for n in sys.argv[2:]] or [1000, 10_000]:
        with tempfile.TemporaryDirectory(dir=base) as folder:
            outputs = Path(folder, "outputs")
            make_runs(outputs, count)
            print(f"{count} runs")
            _report("in-process, first", [_in_process(outputs)])
            for words in ([], ["created"], ["ppl_final", "sparsity>0.5", "task=prune*"]):
                name = f"in-process, warm {' '.join(words)}"
                _report(name, [_in_process(outputs, *words) for _ in range(ROUNDS)])
            (outputs / paths.INDEX).unlink()
            _report("iterun ls, first", [_command(outputs, [])])
            for words in CALLS:
                name = f"iterun ls {' '.join(words)}"
                _report(name, [_command(outputs, words) for _ in range(ROUNDS)])


def _in_process(outputs: Path, *words: str) -> float:
    command = [sys.executable, "-c", IN_PROCESS, str(outputs), *words]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _command(outputs: Path, words: list[str]) -> float:
    command = [sys.executable, "-m", "iterun", "ls", "--outputs", str(outputs), *words]
    start = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, "COLUMNS": "120"}, capture_output=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return seconds


def _report(name: str, seconds: list[float]) -> None:
    spread = f" ({min(seconds):.3f} to {max(seconds):.3f})" if len(seconds) > 1 else ""
    print(f"  {name:<62} {statistics.median(seconds):.3f} s{spread}")


if __name__ == "__main__":
    main()

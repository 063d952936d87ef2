"""What `iterun compare --csv` takes with many runs (bar: 10,000 runs 1 s, interpreter included).

    python scripts/bench/bench_compare.py [FOLDER [COUNT...]]

Makes COUNT (10,000) finished runs, seeds 0 to 4 of each setting, as bench_ls.py makes them, and
times the command as a process of its own, warm: the index is there. "bare" is an interpreter that
imports what such a table cannot do without: typer, sqlite3, json, numpy.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_ls

from iterun.store.schema import RunRecord, Summary

ROUNDS = 7
SEEDS = 5
CALLS = (
    ["compare", "--csv"],
    ["compare", "--csv", "--metrics", "ppl_final,loss"],
    ["compare", "--csv", "--runs"],
    ["compare", "--csv", "--baseline", "first"],
    ["compare", "--json"],
    ["compare"],
)
EVERY = "since=2000-01-01"  # all systems, not only the newest
BARE = "import typer, sqlite3, json, numpy"


def seeds_together(k: int) -> tuple[RunRecord, Summary]:
    """Run k as bench_ls.py has it, with its system and settings shared by the seeds."""
    record, summary = make(k)
    setting = k // SEEDS
    record.system = bench_ls.SYSTEMS[setting % len(bench_ls.SYSTEMS)]
    record.family = record.system.partition("/")[0]
    record.model = bench_ls.MODELS[setting % len(bench_ls.MODELS)]
    varied = {f"setting_{n}": n * setting for n in range(12)}
    summary.parameters |= varied | {"sparsity": setting % 100 / 100, "model": record.model}
    return record, summary


def main() -> None:
    """Measure and print."""
    base = sys.argv[1] if len(sys.argv) > 1 else None
    for count in [int(n) for n in sys.argv[2:]] or [10_000]:
        with tempfile.TemporaryDirectory(dir=base) as folder:
            outputs = Path(folder, "outputs")
            bench_ls.make_runs(outputs, count)
            print(f"{count} runs, {SEEDS} seeds a setting")
            call(outputs, ["ls"])  # builds the index
            report("bare", [seconds(["-c", BARE]) for _ in range(ROUNDS)])
            for words in CALLS:
                line = [*words[:1], EVERY, *words[1:]]
                report("iterun " + " ".join(words), [call(outputs, line) for _ in range(ROUNDS)])


def call(outputs: Path, words: list[str]) -> float:
    """Seconds of a line of iterun."""
    return seconds(["-m", "iterun", *words, "--outputs", str(outputs)])


def seconds(words: list[str]) -> float:
    """Seconds of an interpreter with these words."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *words], env={**os.environ, "COLUMNS": "120"}, capture_output=True
    )
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    return taken


def report(name: str, taken: list[float]) -> None:
    """Print a median and its spread."""
    print(f"  {name:<52} {statistics.median(taken):.3f} s ({min(taken):.3f} to {max(taken):.3f})")


make, bench_ls._run = bench_ls._run, seeds_together

if __name__ == "__main__":
    main()

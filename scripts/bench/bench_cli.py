"""What a command takes, from the shell's call to its end, as a process of its own.

    python scripts/bench/bench_cli.py [--quiet-core]

Bars: `iterun --help` 0.15 s, `iterun ls` of 1,000 runs 0.25 s and of 10,000 runs 0.40 s. The peer
in the same round is `python -c pass`. With --quiet-core every call gets real-time priority (`chrt
-r 10`, needs the right to), so that other work on the machine does not count.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_ls import make_runs

ROUNDS = 7
SHELL = {"_ITERUN_COMPLETE": "bash"}  # what the shell's script sets
#: line, further environment, bar in seconds
WITHOUT_RUNS: tuple[tuple[str, dict[str, str], float | None], ...] = (
    ("", {}, None), ("--help", {}, 0.15), ("--version", {}, None), ("ls --help", {}, 0.15),
    ("tasks", {}, None), ("task=prune/perp --help", {}, None), ("show task=prune/perp", {}, None),
    ("task=pr", SHELL, None), ("ta", SHELL, None),
)  # fmt: skip
WITH_RUNS: tuple[tuple[str, dict[str, str]], ...] = (
    ("ls", {}), ("ls task=prune status=completed", {}), ("ls sparsity>0.5 --sort ppl_final", {}),
    ("ls --json", {}), ("ls --all", {}), ("show @-1", {}), ("show 0", SHELL),
)  # fmt: skip


def main() -> None:
    before = ["chrt", "-r", "10"] if "--quiet-core" in sys.argv else []
    python = [*before, sys.executable]
    print(f"median of {ROUNDS}, least and most, seconds; bar")
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "COLUMNS": "120", "ITERUN_CACHE": folder}
        _report("python -c pass", [*python, "-c", "pass"], environment, None)
        for line, more, bar in WITHOUT_RUNS:
            _report(_name(line, more), _words(python, line), {**environment, **more}, bar)
        for count, bar in ((1000, 0.25), (10_000, 0.40)):
            outputs = Path(folder, str(count))
            make_runs(outputs, count)
            environment["ITERUN_OUTPUTS"] = str(outputs)
            _once(_words(python, "ls"), environment)  # builds the index
            print(f"{count:,} runs")
            for line, more in WITH_RUNS:
                is_barred = line == "ls"
                name, words = _name(line, more), _words(python, line)
                _report(name, words, {**environment, **more}, bar if is_barred else None)


def _name(line: str, more: dict[str, str]) -> str:
    return f"Tab behind: iterun {line}" if more else f"iterun {line}"


def _words(python: list[str], line: str) -> list[str]:
    return [*python, "-m", "iterun", *line.split()]


def _report(name: str, words: list[str], environment: dict[str, str], bar: float | None) -> None:
    _once(words, environment)
    seconds = [_once(words, environment) for _ in range(ROUNDS)]
    middle = statistics.median(seconds)
    verdict = "" if bar is None else f"   bar {bar:.2f} {'met' if middle <= bar else 'MISSED'}"
    print(
        f"  {name:<44} {middle:.3f} ({min(seconds):.3f} to {max(seconds):.3f}){verdict}", flush=True
    )


def _once(words: list[str], environment: dict[str, str]) -> float:
    """Seconds of one call.

    Raises:
        SystemExit: the command failed.
    """
    start = time.perf_counter()
    done = subprocess.run(words, env=environment, capture_output=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{words}: {done.stderr.decode()}")
    return seconds


if __name__ == "__main__":
    main()

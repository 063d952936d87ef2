"""What recording costs: an iteration of 5 scalars (bar: 10 µs), and checkpoints.

    python scripts/bench/bench_store.py [FOLDER]

The peer, measured in turns with ours, is the least that keeps every line when the process is
killed: a bare json.dumps and os.write.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from iterun.store import checkpoint
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

N = 20_000
ROUNDS = 7
NAMES = ("loss", "accuracy", "sparsity", "ppl_final", "grad_norm")


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        writer = RunWriter.create(Path(folder, "run"), record=_record(), config={})
        writer.start_heartbeat()
        bare = os.open(Path(folder, "bare.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        ours, peer = [], []
        for _ in range(ROUNDS):
            ours.append(_microseconds(lambda i, m: writer.append(i, seconds=0.01, metrics=m)))
            peer.append(_microseconds(lambda i, m: os.write(bare, _bare_line(i, m))))
        print(f"append, 5 scalars        {_spread(ours)} µs")
        print(f"json.dumps + os.write    {_spread(peer)} µs")
        os.close(bare)
        writer.sync()
        _checkpoints(writer)
        writer.close()


def _checkpoints(writer: RunWriter) -> None:
    import torch

    small = {"weights": torch.randn(10_000), "i": 1, "generators": {"a": torch.get_rng_state()}}
    large = {f"w{k}": torch.randn(1 << 20) for k in range(16)}  # 64 MiB
    for name, state in (("small state", small), ("64 MiB, first time", large)):
        print(f"checkpoint, {name:<20} {_checkpoint(writer, 1, state):8.1f} ms")
    print(f"checkpoint, {'64 MiB, unchanged':<20} {_checkpoint(writer, 2, large):8.1f} ms")
    start = time.perf_counter()
    checkpoint.load(writer.directory, 2)
    print(f"load,       {'64 MiB':<20} {(time.perf_counter() - start) * 1e3:8.1f} ms")


def _checkpoint(writer: RunWriter, i: int, state: Mapping[str, Any]) -> float:
    """Milliseconds; the first save of a process also imports."""
    checkpoint.save(writer.directory, 0, {})
    start = time.perf_counter()
    checkpoint.save(writer.directory, i, state)
    return (time.perf_counter() - start) * 1e3


def _microseconds(record: Callable[[int, dict[str, float]], object]) -> float:
    """Time of one call, without that of making the numbers."""
    rows = [{name: (k + 1) / (i + 3.1) for k, name in enumerate(NAMES)} for i in range(N)]
    start = time.perf_counter()
    for i, row in enumerate(rows):
        record(i, row)
    return (time.perf_counter() - start) / N * 1e6


def _bare_line(i: int, metrics: dict[str, float]) -> bytes:
    line = {"i": i, "time": time.time(), "seconds": 0.01, "metrics": metrics}
    return json.dumps(line).encode() + b"\n"


def _spread(values: list[float]) -> str:
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:6.2f} (median of {ROUNDS}; {low:.2f} to {high:.2f})"


def _record() -> RunRecord:
    return RunRecord(
        id="bench000", system="bench/store", family="bench", signature="0", seed=0,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
    )  # fmt: skip


if __name__ == "__main__":
    main()

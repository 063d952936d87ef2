"""What the processes of these tests do: python store_children.py CALL ARGUMENT..."""

import itertools
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from conftest import CONFIG, RECORD

from iterun.errors import StoreError
from iterun.store import checkpoint, marks, trash
from iterun.store.index import Index
from iterun.store.rows import Row
from iterun.store.schema import Summary
from iterun.store.writer import RunWriter


def tell(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def write_until_killed(directory: str) -> None:
    """Tell the number of each iteration once it is recorded."""
    writer = RunWriter.create(Path(directory), record=RECORD, config=CONFIG)
    for i in range(10**9):
        writer.append(i, seconds=0.1, metrics={"ppl": 1 / (i + 1)})
        os.write(1, b"%d\n" % i)


def checkpoint_until_killed(directory: str) -> None:
    import torch

    writer = RunWriter.create(Path(directory), record=RECORD, config=CONFIG)
    for i in range(10**9):
        weights = torch.full((1 << 18,), float(i))
        checkpoint.save(writer.directory, i, {"i": i, "large": weights, "small": weights[:9]})
        tell(i)


def torn(directory: str) -> None:
    """Die in the middle of everything: a line, an artifact, a folder, appended rows."""
    writer = RunWriter.create(Path(directory), record=RECORD, config=CONFIG)
    for i in range(3):
        writer.append(i, seconds=0.1, metrics={"ppl": 1.5})
        writer.append_rows("replies.jsonl", i, [{"text": "whole"}])
    for name in ("iterations.jsonl", "artifacts/replies.jsonl"):
        with open(Path(directory, name), "ab") as file:
            file.write(b'{"i":3,"ti')
    with writer.folder("model") as part:
        (part / "half.bin").write_bytes(b"half")
        writer.save_bytes("mask.bin", lambda path: (path.write_bytes(b"half"), die()))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def take_over(directory: str) -> None:
    """Try to reopen a run once the parent says so; tell the attempt, or that it was refused."""
    tell("ready")
    sys.stdin.readline()
    try:
        tell(RunWriter.reopen(Path(directory)).attempt)
    except StoreError:
        tell("refused")
    sys.stdin.readline()


def tag(directory: str, name: str, count: str) -> None:
    for k in range(int(count)):
        marks.set_tags(Path(directory), [f"{name}{k}"])


def write_runs(outputs: str, name: str, seconds: str) -> None:
    """Make run after run; the numbers of each follow from its seed. Tell how many."""
    end = time.monotonic() + float(seconds)
    for n in itertools.count():
        if time.monotonic() > end:
            tell(n)
            return
        id = f"{name}{n:05}"
        record = replace(RECORD, id=id, seed=n)
        directory = Path(outputs, record.system, f"20261124-101500-{id}")
        with RunWriter.create(directory, record=record, config=CONFIG) as writer:
            for i in range(3):
                writer.append(i, seconds=0.1, metrics={"ppl": float(n + i)})
                last = {"ppl": float(n + i)}
                writer.summary(Summary(state="running", last=last, iterations=i))
            writer.summary(Summary(state="completed", last=last, iterations=2, seconds=n))
            writer.status("completed", reason="length", iteration=2)


def remove_runs(outputs: str, seconds: str) -> None:
    """Move finished runs to the trash, take some back, purge others. Tell how many were moved."""
    end = time.monotonic() + float(seconds)
    moved = 0
    with Index(Path(outputs)) as index:
        while time.monotonic() < end:
            index.refresh()
            for row in [row for row in index.rows() if row.state == "completed"][::2]:
                trash.move(Path(outputs), row.path, now=time.time(), about={"id": row.id})
                moved += 1
            for k, removed in enumerate(trash.listed(Path(outputs))):
                if k % 3 == 0:
                    trash.restore(Path(outputs), removed)
                elif k % 3 == 1:
                    trash.purge(removed)
    tell(moved)


def read_rows(outputs: str, seconds: str) -> None:
    """Look at all rows again and again; tell how many were looked at."""
    end = time.monotonic() + float(seconds)
    seen = 0
    while time.monotonic() < end:
        with Index(Path(outputs)) as index:
            for row in index.rows():
                check(row)
                seen += 1
            assert not index.problems, index.problems
    tell(seen)


def check(row: Row) -> None:
    """Whether a row is one that its writer wrote, whole."""
    assert row.path.name.endswith(row.id)
    assert row.seed == int(row.id[-5:])
    if row.last:
        assert row.last["ppl"] == row.seed + (row.iterations or 0) or row.state == "running"
    if row.state == "completed":
        assert (row.last, row.seconds) == ({"ppl": row.seed + 2.0}, row.seed)


def list_runs(outputs: str) -> None:
    """Refresh an index; tell how many runs it has."""
    with Index(Path(outputs)) as index:
        tell(index.count())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

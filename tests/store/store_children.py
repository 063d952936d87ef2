"""What the processes of these tests do: python store_children.py CALL ARGUMENT..."""

import os
import signal
import sys
from pathlib import Path

from conftest import CONFIG, RECORD

from iterun.errors import StoreError
from iterun.store import checkpoint, marks
from iterun.store.index import Index
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


def list_runs(outputs: str) -> None:
    """Refresh an index; tell how many runs it has."""
    with Index(Path(outputs)) as index:
        tell(index.count())


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])

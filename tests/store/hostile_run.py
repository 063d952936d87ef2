"""A sound run directory, made without torch, and the list of harms that spoil one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from iterun.store import tensors
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

Harm = Callable[[Path, Path], None]
HARMS: dict[str, Harm] = {}

#: what a terminal, rich, a browser or a shell would act on
EVIL = (
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J\x1b[2J\r\x08 \u202eback\u2066 \u200b \ud800half "
    "[bold red]x[/] [link=file:///etc/passwd]y[/link] [/nope] <script>alert(1)</script> "
    "{{7*7}} ${oc.env:HOME} %s %n `id` $(id) '; DROP TABLE run; -- \0 \u2028 \x85 end"
)
HUGE = 10**400
SPARSE = 1 << 30


def sound(outputs: Path, id: str = "aaaa0001", **changes: Any) -> Path:
    """A run of three iterations with labels, artifacts, a log and a checkpoint."""
    fields = {
        "id": id, "system": "mine/count", "family": "mine", "signature": "5e1f", "seed": 1,
        "created": "2026-11-24T10:15:00+01:00", "model": "opt-mini", "data": "pydoc",
        "objective": {"metric": "total", "goal": "max"},
    }  # fmt: skip
    directory = outputs / "mine" / "count" / f"20261124-101500-{id}"
    config = {
        "task": {"_target_": "counting_system.Count", "to": 3, "by": 1.0, "mode": "up",
                 "fail_at": None, "words": [], "about": {"system": "mine/count"}},
        "seed": 1, "tags": ["first"], "stop": {}, "checkpoint": {}, "model": None, "data": None,
    }  # fmt: skip
    record = RunRecord(**(fields | changes))
    with RunWriter.create(directory, record=record, config=config) as writer:
        for i in range(1, 4):
            writer.save_bytes("mask.bin", bytes(9), at=i)
            writer.append_rows("rows.jsonl", i, [{"text": "row"}])
            writer.append(
                i, seconds=0.1, metrics={"total": float(i), "draw": 1 / (i + 1)},
                cost={"ms": 1.5}, labels={"said": "word"}, files=writer.files(),
            )  # fmt: skip
        writer.log("hello")
        checkpoint(directory, 3)
        writer.summary(_summary())
        writer.status("completed", reason="length", iteration=3)
    return directory


def _summary() -> Summary:
    return Summary(
        state="completed", reason="length", parameters={"to": 3, "by": 1.0, "seed": 1},
        objective={"metric": "total", "goal": "max"}, last={"total": 3.0, "draw": 0.25},
        best={"i": 3, "value": 3.0}, result={"said": "three"}, iterations=3, seconds=0.3,
        costs={"ms": 1.5},
    )  # fmt: skip


def checkpoint(directory: Path, i: int, **changes: Any) -> None:
    folder = directory / "checkpoints" / f"{i:04d}"
    folder.mkdir(parents=True)
    (folder.parent / "blobs").mkdir(exist_ok=True)
    digest = tensors.write(folder / "state.safetensors", {})
    document = {"format": 1, "i": i, "tensors": digest, "blobs": {}, "refs": [], "state": {}}
    (folder / "state.json").write_text(json.dumps(document | changes))


def harm(function: Harm) -> Harm:
    """Add one to the list."""
    HARMS[function.__name__] = function
    return function


def change(path: Path, **fields: Any) -> None:
    """Set keys of a JSON file."""
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | fields))


def change_lines(run: Path, **fields: Any) -> None:
    """Set keys of every iteration."""
    path = run / "iterations.jsonl"
    lines = [json.loads(line) | fields for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def sparse(path: Path) -> None:
    """A file that seems to have a gigabyte."""
    with open(path, "wb") as file:
        file.truncate(SPARSE)

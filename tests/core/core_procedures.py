"""Procedures that compute nothing but numbers, and `attempt`, which runs them in any process."""

import os
import random
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from iterun.core import resume
from iterun.core.procedure import Procedure
from iterun.core.runner import Job, Outcome, run
from iterun.errors import ConfigError
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord
from iterun.types import Placement

SYNCING = {
    "write", "fsync", "fdatasync", "replace", "rename", "mkdir", "rmdir", "unlink", "open",
    "ftruncate", "truncate", "link", "close", "remove",
}  # fmt: skip

ALL = {"share": None, "last": None}  # checkpoints: taken and kept, every one


@dataclass(kw_only=True)
class Count(Procedure):
    """Counts; the core knows no more of it than that."""

    to: int | None = 10
    start_at: int = 0

    def check(self):
        if self.start_at < 0:
            yield ConfigError(f"task.start_at={self.start_at} is negative", hint="task.start_at=0")

    def start(self, run):
        self.run = run
        self.n = self.start_at

    def length(self):
        return self.to

    def baseline(self):
        return {"n": self.n}

    def step(self, i):
        self.n += 1
        return {"n": self.n}

    def state(self):
        return {"n": self.n}

    def restore(self, state):
        self.n = state["n"]

    def result(self):
        return {"counted": self.n}


class Oracle:
    """A chat model with a counter and a cache; the runner keeps its state."""

    def __init__(self):
        self.calls, self.cache = 0, {}

    def answer(self, question):
        self.calls += 1
        return self.cache.setdefault(question, self.calls)

    def state(self):
        return {"calls": self.calls, "cache": dict(self.cache)}

    def restore(self, state):
        self.calls, self.cache = state["calls"], dict(state["cache"])


@dataclass(kw_only=True)
class Everything(Procedure):
    """Draws from every generator, and keeps every kind of state and artifact."""

    to: int = 8
    hook: object = field(default=None)

    def start(self, run):
        import torch

        self.run = run
        self.oracle = run.model(Oracle)
        self.noise = run.generator("noise")
        self.frozen = torch.rand(50, generator=run.generator("init"))
        self.weights = torch.zeros(300_000)  # 1.2 MB: stored by content
        self.mask = torch.ones(400_000, dtype=torch.bool)
        self.half = torch.zeros(7, dtype=torch.bfloat16)
        self.kept, self.history = None, []
        run.resolve(window=50)

    def length(self):
        return self.to

    def baseline(self):
        self.kept = self.run.save_tensors("reference.safetensors", {"w": self.weights[:3]})
        return {"mean": 0.0}

    def step(self, i):
        import numpy as np
        import torch

        if self.hook:
            self.hook(self, i)
        noise = torch.rand(50, generator=self.noise) + torch.rand(50) * self.frozen
        self.weights[i * 10 : i * 10 + 50] += noise
        self.half += noise[:7].bfloat16()
        order = torch.randperm(9, generator=self.run.generator("order", i))
        legacy = np.random.rand()  # noqa: NPY002  what libraries draw from
        draw = self.run.numpy("draw").standard_normal() + legacy + random.random()
        self.history.append((i, draw, {i: np.float32(draw)}))
        self.run.append("transcript.jsonl", [{"said": int(order[0])}, {"draw": draw}])
        self.run.save_text("note-{i}.txt", f"{draw!r}", at=i)
        self.run.save_json("seen.json", {"i": i, "draw": draw}, at=i)
        self.run.cost(hours=0.5)
        self.run.label(phase="even" if i % 2 == 0 else "odd")
        if i % 3 == 0:  # the state refers to a file of the same name as before
            self.kept = self.run.save_tensors("reference.safetensors", {"w": self.weights[:99]})
        seen = self.run.load(self.kept).stat().st_size
        old = sum(float(value) for _, _, entry in self.history for value in entry.values())
        return {
            "mean": self.weights.mean(), "draw": draw, "half": self.half.float().sum(), "old": old,
            "seen": seen, "asked": self.oracle.answer(f"q{i % 3}"), "calls": self.oracle.calls,
        }  # fmt: skip

    def state(self):
        return {
            "weights": self.weights, "mask": self.mask, "half": self.half, "kept": self.kept,
            "history": self.history,
        }  # fmt: skip

    def restore(self, state):
        self.weights, self.mask, self.half = state["weights"], state["mask"], state["half"]
        self.kept, self.history = state["kept"], state["history"]


@dataclass(kw_only=True)
class Slow(Count):
    """Each iteration has inner ticks and, if asked, safe points; `hook(i, j)` runs at each."""

    inner: int = 5
    safe: bool = False
    hook: object = field(default=None)

    def start(self, run):
        super().start(run)
        self.j = 0

    def step(self, i):
        for _ in self.run.progress(range(self.j, self.inner), "train"):
            self.n += 1
            self.j += 1
            self.run.tokens(2)
            self.run.append("rows.jsonl", [{"j": self.j}])
            if self.hook:
                self.hook(i, self.j)
            if self.safe:
                self.run.safe_point()
        self.j = 0
        return {"n": self.n}

    def state(self):
        return {"n": self.n, "j": self.j}

    def restore(self, state):
        self.n, self.j = state["n"], state["j"]


def record(**more):
    fields = {
        "id": "abcd1234", "system": "test/count", "family": "test", "signature": "s", "seed": 3,
        "created": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    return RunRecord(**(fields | more))


def job(procedure, directory, **more) -> Job:
    builders = {"model": lambda form: form(), "data": lambda: ["a", "b"]}
    fields = {
        "config": {"task": {"_target_": "x.Y", "to": 8}}, "record": record(), "builders": builders,
        "place": Placement(device="cpu", dtype="float32", threads=1),
    }  # fmt: skip
    return Job(procedure=procedure, directory=Path(directory), **(fields | more))


def attempt(procedure, directory, **more) -> Outcome:
    """Run it, or go on with it if the directory holds a run already."""
    directory = Path(directory)
    if (directory / "run.json").exists():
        more.setdefault("resume_from", resume.plan(directory))
    return run(job(procedure, directory, **more))


def story(directory):
    """All that must not differ: metrics, labels, files, rows, artifacts and their Refs."""
    view = RunView(directory)
    lines = [(line.i, line.metrics, line.labels, line.files) for line in view.iterations()]
    artifacts = {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in view.artifacts()
    }
    return lines, artifacts, view.summary.result, view.summary.last


def die_at(n, log=None):
    """Kill this process by SIGKILL at the n-th call that touches the disk, or count them."""
    count = 0

    def look(frame, event, function):
        nonlocal count
        if event == "c_call" and function.__name__ in SYNCING:
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(look)
    yield
    sys.setprofile(None)
    if log:
        Path(log).write_text(str(count))
    yield

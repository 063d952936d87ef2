"""Run directories to write in, read and break."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

# A busy machine is no fault: tests here touch the disk, and some start processes.
settings.register_profile("disk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("disk")

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # tests are not a package

RECORD = RunRecord(
    id="3f2a9c1e", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", model="opt-mini", data="pydoc",
    objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip
CONFIG = {"task": {"_target_": "iterun.tasks.prune.perp.Perp", "sparsity": 0.5}, "tags": ["first"]}


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `outputs` folder, and a cache folder of its own."""
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "outputs"


@pytest.fixture
def make(outputs: Path) -> Callable[..., Path]:
    """Make a run directory: `make("id", state=..., parameters=..., last=..., seed=...)`."""

    def make(id: str, *, state: str = "completed", lines: int = 3, **fields: object) -> Path:
        summary = {k: fields.pop(k) for k in ("parameters", "last", "result", "costs", "best")
                   if k in fields}  # fmt: skip
        record = replace(RECORD, id=id, **fields)
        directory = outputs / record.system / f"20261124-101500-{record.model}-{id}"
        shutil.rmtree(directory, ignore_errors=True)
        with RunWriter.create(directory, record=record, config=CONFIG) as writer:
            for i in range(lines):
                writer.append(i, seconds=0.5, metrics={"ppl": 30.0 - i})
            writer.summary(Summary(state=state, iterations=lines, seconds=1.5, **summary))
            writer.status(state)
        return directory

    return make


@pytest.fixture
def writer(outputs: Path) -> Iterator[RunWriter]:
    """A run that goes on."""
    directory = outputs / "prune" / "perp" / "20261124-101500-opt-mini-3f2a9c1e"
    with RunWriter.create(directory, record=replace(RECORD), config=CONFIG) as writer:
        yield writer


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a function of store_children.py in a process of its own."""

    def start(call: str, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "store_children.py"), call, *map(str, arguments)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        start.started.append(process)
        return process

    start.started = []
    yield start
    for process in start.started:
        process.kill()
        process.communicate()


@pytest.fixture
def lines() -> Callable[[Path], list[int]]:
    """The iterations in a file of lines, parsed by json itself."""
    return lambda path: [json.loads(line)["i"] for line in path.read_text().splitlines()]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a small tmpfs, or a folder read-only; skipped where one may not."""
    points: list[Path] = []

    def mount(*options: str, source: str = "tmpfs") -> Path:
        point = tmp_path / f"mount{len(points)}"
        point.mkdir()
        done = subprocess.run(["mount", *options, source, str(point)], capture_output=True)
        if done.returncode:
            pytest.skip("may not mount here")
        points.append(point)
        return point

    try:
        yield mount
    except FileNotFoundError:
        pytest.skip("no mount command")
    finally:
        for point in points:
            subprocess.run(["umount", "-l", str(point)], check=True)

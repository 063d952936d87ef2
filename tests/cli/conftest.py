"""Lines typed in this process, and real run directories to look at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from iterun.__main__ import main
from iterun.store import trees
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

OWN = Path(__file__).parents[1] / "launch" / "mine"  # a system that counts, of a user's own

RECORD = RunRecord(
    id="3f9a1c2b",
    system="prune/perp",
    family="prune",
    signature="5e1f",
    seed=1,
    created="2026-11-24T10:15:00+01:00",
    command=["task=prune/perp", "task.sparsity=0.6"],
    version="0.1.0",
    python="3.11.7",
    host="node17",
    threads=2,
    model="opt-mini",
    data="pydoc",
    packages={"torch": "2.13.0"},
    objective={"metric": "ppl", "goal": "min"},
)


@dataclass
class Answer:
    """What a line gave."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


@pytest.fixture
def own() -> list[str]:
    """The beginning of a line that runs the system of a user's own."""
    return ["--config-dir", str(OWN / "conf"), "task=mine/count"]


@pytest.fixture(autouse=True)
def _bare_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Width 100, no colour, folders of the test's own."""
    for name in ("CI", "FORCE_COLOR", "NO_COLOR", "_ITERUN_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("ITERUN_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("ITERUN_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(OWN))


@pytest.fixture
def iterun(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Types a line; gives exit status and output."""

    def typed(*words: str) -> Answer:
        capsys.readouterr()
        status = main(words)
        return Answer(status, *capsys.readouterr())

    return typed


@pytest.fixture
def strangers(tmp_path: Path) -> Iterator[Path]:
    """Where strangers' runs lie; removed in the end: pytest can't remove folders that deep."""
    yield tmp_path / "outputs"
    trees.remove(tmp_path / "outputs")


@dataclass
class Runs:
    """Makes finished run directories below `outputs`."""

    outputs: Path
    made: list[Path] = field(default_factory=list)

    def __call__(
        self,
        id: str = RECORD.id,
        *,
        state: str = "completed",
        ppl: list[float] | None = None,
        parameters: dict[str, Any] | None = None,
        error: str | None = None,
        **changes: Any,
    ) -> Path:
        record = replace(RECORD, id=id, **changes)
        stamp = datetime.fromisoformat(record.created).strftime("%Y%m%d-%H%M%S")
        directory = self.outputs / record.system / f"{stamp}-opt-mini-{id}"
        parameters = {"sparsity": 0.5, "criterion": "wanda"} if parameters is None else parameters
        values = [30.0, 25.5, 26.0] if ppl is None else ppl
        with RunWriter.create(directory, record=record, config={"task": parameters}) as writer:
            for i, value in enumerate(values):
                writer.append(i, seconds=0.5, metrics={"ppl": value, "tokens": 100 * i})
            writer.summary(_summary(record, state, parameters, values))
            writer.status(state, reason="length", error=error, iteration=len(values) - 1)
        self.made.append(directory)
        return directory


def _summary(
    record: RunRecord, state: str, parameters: dict[str, Any], ppl: list[float]
) -> Summary:
    named = {**parameters, "model": record.model, "data": record.data, "seed": record.seed}
    best = min(range(1, len(ppl)), key=ppl.__getitem__, default=None)
    return Summary(
        state=state,
        reason="length",
        parameters=named,
        objective=record.objective,
        last={"ppl": ppl[-1], "tokens": 100.0 * (len(ppl) - 1)} if ppl else {},
        best={"i": best, "value": ppl[best]} if best is not None else None,
        result={"ppl_dense": 20.25},
        iterations=max(len(ppl) - 1, 0),
        seconds=12.5,
        costs={"peak_mem_mb": 512.0},
    )


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "outputs")

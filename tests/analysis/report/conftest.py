"""Run directories to make pages of, harmless and hostile ones."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iterun.analysis.report import gather, page
from iterun.store.rows import Row, row_of
from iterun.store.schema import RunRecord, Summary
from iterun.store.writer import RunWriter

RECORD = RunRecord(
    id="3f9a1c2b", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", command=["iterun", "task=prune/perp", "task.sparsity=0.6"],
    version="0.1.0", python="3.11.7", host="node17", threads=2, model="opt-mini", data="pydoc",
    packages={"torch": "2.13.0"}, objective={"metric": "ppl", "goal": "min"},
)  # fmt: skip
ABOUT = {"paper": "PERP", "arxiv": "2312.15230", "year": 2023}
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a finished run directory; `files` are artifacts by name, or by (name, iteration)."""

    def one(
        id: str = RECORD.id, *, ppl: list[float] | None = None, state: str = "completed",
        parameters: dict[str, Any] | None = None, about: dict[str, Any] = ABOUT,
        files: dict[Any, bytes] | None = None, labels: dict[str, str] | None = None,
        more: dict[str, float] | None = None, note: str = "", error: str | None = None,
        reason: str = "length", **changes: Any,
    ) -> Path:  # fmt: skip
        record = replace(RECORD, id=id, **changes)
        directory = (
            tmp_path / "outputs" / "prune" / "perp" / f"run-{len(list(tmp_path.rglob('run.json')))}"
        )
        parameters = {"sparsity": 0.6, "criterion": "wanda"} if parameters is None else parameters
        values = [30.0, 25.5, 26.0] if ppl is None else ppl
        config = {"task": {"about": about, **parameters}, "model": {"name": "opt-mini"}}
        with RunWriter.create(directory, record=record, config=config) as writer:
            for i, value in enumerate(values):
                for key, data in (files or {}).items():
                    if isinstance(key, tuple) and key[1] == i:
                        writer.save_bytes(key[0], data, at=i)
                writer.append(
                    i, seconds=0.5, metrics={"ppl": value, **(more or {})}, labels=labels or {},
                    files=writer.files(),
                )  # fmt: skip
            for key, data in (files or {}).items():
                if isinstance(key, str):
                    writer.save_bytes(key, data)
            best = min(range(len(values)), key=values.__getitem__)
            writer.summary(Summary(
                state=state, reason=reason, parameters={**parameters, "seed": record.seed},
                objective=record.objective, last={"ppl": values[-1], **(more or {})},
                best={"i": best, "value": values[best]}, result={"ppl_dense": 20.25},
                iterations=len(values) - 1, seconds=12.5, costs={"peak_mem_mb": 512.0},
            ))  # fmt: skip
            writer.status(state, reason=reason, error=error, iteration=len(values) - 1)
        if note:
            from iterun.store.marks import set_note

            set_note(directory, note)
        return directory

    return one


@pytest.fixture
def html() -> Callable[..., str]:
    """The page of run directories."""

    def of(*directories: Path, **options: Any) -> str:
        rows: list[Row] = [row_of(directory) for directory in directories]
        return page.render(gather.read(rows, asked=["task=prune"], **options)).decode()

    return of


@pytest.fixture(scope="session")
def png() -> Callable[..., bytes]:
    """A picture of one color."""

    def of(width: int = 8, height: int = 6, kind: str = "PNG", color: str = "navy") -> bytes:
        from PIL import Image

        buffer = io.BytesIO()
        Image.new("RGB", (width, height), color).save(buffer, kind)
        return buffer.getvalue()

    return of

"""Rows as the index gives them, without a directory behind them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.store.encoding import encode
from iterun.store.rows import Row


@pytest.fixture
def row(tmp_path: Path) -> Callable[..., Row]:
    """Makes a row; parameters may be named as they are."""
    made: list[Row] = []

    def one(
        ppl: float | None = 20.0, *, seed: int = 1, signature: str = "s", state: str = "completed",
        system: str = "prune/perp", model: str = "opt-mini", stamp: float | None = None,
        goal: str = "min", last: dict[str, Any] | None = None, iterations: int = 5,
        reason: str = "length", **parameters: Any,
    ) -> Row:  # fmt: skip
        id = f"run{len(made):05}"
        values = {} if ppl is None else {"ppl": ppl}
        body = {
            "signature": signature, "objective": {"metric": "ppl", "goal": goal},
            "parameters": {**parameters, "model": model, "data": "pydoc", "seed": seed},
            "last": values | (last or {}), "result": {"ppl_dense": 19.5},
            "costs": {"peak_mem_mb": 500.0 + seed}, "seconds": 10.0 + seed,
            "iterations": iterations, "reason": reason, "attempt": 1,
        }  # fmt: skip
        columns = (
            id, system, system.partition("/")[0], state, "2026-11-24T10:15:00+01:00",
            float(len(made)) if stamp is None else stamp, seed, model, "pydoc",
        )  # fmt: skip
        made.append(Row(tmp_path, id, columns, encode(body).decode()))
        return made[-1]

    return one

"""Small runs of refine/agentcoder in this process, and what they left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from task_runs import done

from iterun.data.code_problems import CodeProblem, embedded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.reader import RunView

LINE = [
    "task=refine/agentcoder", "backend=cpu", "backend.threads=1", "task.limit=2", "task.rounds=3",
    "task.candidates=3", "task.suites=3", "task.accept=2", "task.mutants=4",
    "task.test_timeout=20", "sandbox.timeout=20",
]  # fmt: skip


def run(directory: Path, *overrides: str) -> RunView:
    return done(directory, [*LINE, *overrides])


def problems(n: int = 2) -> list[CodeProblem]:
    """The ones that `LINE` takes."""
    return list(embedded().test)[:n]


def fenced(text: str) -> str:
    return f"Here it is.\n```python\n{text}\n```"


def scripted(folder: Path, rows: Sequence[dict[str, Any]]) -> list[str]:
    """The overrides of a model that says these rows."""
    folder.mkdir(exist_ok=True)
    path = folder / "replies.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["model=scripted", f"model.path={path}", "task.arms=[none]"]


def suite_of(problem: CodeProblem, n: int = 3) -> dict[str, Any]:
    """A designer's row: right asserts on a problem's visible examples and first hidden inputs."""
    scope: dict[str, Any] = {}
    exec(problem.solution, scope)
    lines = []
    for arguments in (*problem.examples, *problem.inputs)[:n]:
        call = f"{problem.entry}({', '.join(map(repr, arguments))})"
        lines.append(f"assert {call} == {eval(call, scope)!r}")
    return says("designer", problem, fenced("\n".join(lines)))


def says(agent: str, problem: CodeProblem, reply: str, times: int | None = None) -> dict[str, Any]:
    """A row that answers whatever an agent is asked about a problem."""
    return {"agent": agent, "match": f"{problem.entry}[(`]", "reply": reply, "times": times}


def metrics(view: RunView) -> list[dict[str, float]]:
    """By iteration."""
    return [dict(line.metrics) for line in view.iterations()]


def rows(view: RunView, name: str) -> list[dict[str, Any]]:
    """Of an artifact in JSON lines."""
    path = view.directory / "artifacts" / name
    return [json.loads(line) for line in path.read_text().splitlines()]

"""A hostile program of the model's is one failed candidate, and the run goes on in bounded time."""

from __future__ import annotations

import time

import pytest
from coder_runs import fenced, metrics, problems, rows, run, says, scripted, suite_of

pytestmark = pytest.mark.slow  # whole runs, small ones

BODIES = {
    "endless": "while True: pass",
    "memory": "return len(bytearray(8 << 30))",
    "exit": "import os; os._exit(0)",
    "leave": "raise SystemExit(0)",
    "forks": "import os\n    while True: os.fork()",
    "flood": "while True: print('x' * 65536)",
    "network": "import socket; socket.create_connection(('127.0.0.1', 9), 1)",
    "parent": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "input": "return input()",
    "deep": "return (lambda f: f(f))(lambda f: f(f))",
}
TIMEOUT = 2.0


@pytest.mark.slow
def test_each_hostile_program_is_one_failed_candidate(tmp_path):
    (problem,) = problems(1)
    hostile = [
        says("programmer", problem, fenced(f"def {problem.entry}(*x):\n    {body}"), times=1)
        for body in BODIES.values()
    ]
    right = says("programmer", problem, fenced(problem.solution), times=1)
    n = len(BODIES) + 1
    lines = scripted(tmp_path, [*hostile, right, suite_of(problem)])

    began = time.monotonic()
    view = run(
        tmp_path / "run", *lines, "task.limit=1", "task.rounds=1", f"task.candidates={n}",
        f"task.test_timeout={TIMEOUT}", "task.mutants=0",
    )  # fmt: skip
    took = time.monotonic() - began

    executions = [row for row in rows(view, "executions.jsonl") if row["arm"] == "own"]
    assert len(executions) == n
    assert [row["suites_passed"] for row in executions] == [0] * len(BODIES) + [3]
    statuses = dict(zip(BODIES, (row["status"] for row in executions), strict=False))
    assert statuses["endless"] == "timeout"
    assert statuses["memory"] in ("memory", "forbidden")
    assert "pass" not in statuses.values()
    (only,) = metrics(view)
    assert only["pass@1"] == only["pass_own"] == 1
    assert took < n * (TIMEOUT + 2) + 30  # two at a time at best; a start takes its own time


@pytest.mark.long
@pytest.mark.slow
def test_hostile_asserts_of_the_designer_accept_nothing_wrong(tmp_path):
    """An assert that ends the process is no test that passes; hidden tests decide what is right."""
    (problem,) = problems(1)
    entry = problem.entry
    suite = "\n".join([
        f"assert __import__('os')._exit(0) or {entry}([], 1)",
        f"assert {entry}([], 1) == [] or __import__('sys').exit(0)",
    ])  # fmt: skip
    lines = scripted(
        tmp_path,
        [
            says("designer", problem, fenced(suite)),
            says("programmer", problem, fenced(f"def {entry}(*x):\n    return 1")),
        ],
    )

    view = run(tmp_path / "run", *lines, "task.limit=1", "task.rounds=1", "task.mutants=0")

    assert metrics(view)[-1]["pass@1"] == 0
    assert metrics(view)[-1]["pass_own"] == 0

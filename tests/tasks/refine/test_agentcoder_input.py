"""Bad input of refine/agentcoder: one sentence that names the setting, and a hint."""

from __future__ import annotations

import json

import pytest
from coder_runs import run

from iterun.errors import ConfigError

#: overrides -> what the message has to say
REFUSED = {
    ("task.candidates=0",): "task.candidates=0 is too small",
    ("task.suites=0", "task.accept=0"): "task.suites=0 is too small",
    ("task.asserts=0",): "task.asserts=0 is too small",
    ("task.rounds=0",): "task.rounds=0 is too small",
    ("task.max_tokens=0",): "task.max_tokens=0 is too small",
    ("task.limit=0",): "task.limit=0 leaves no problems",
    ("task.mutants=-1",): "task.mutants=-1 is not from 0",
    ("task.accept=4",): "task.accept=4 is more than task.suites=3",
    ("task.test_accuracy=1.5",): "task.test_accuracy=1.5 is not from 0 to 1",
    ("task.weak_accuracy=-1",): "task.weak_accuracy=-1.0 is not from 0 to 1",
    ("task.temperature=-0.1",): "task.temperature=-0.1 is not from 0",
    ("task.top_p=0",): "task.top_p=0.0 is not from",
    ("task.test_timeout=0",): "task.test_timeout=0.0 is not from",
    ("task.arms=[error]",): "names the run's own task.feedback=error",
    ("task.feedback=none",): "names the run's own task.feedback=none",
    ("task.feedback=stack",): "task.feedback=stack",
    ("task.arms=[weaker]",): "task.arms",
    ("task.accept_rule=any",): "task.accept_rule=any",
    ("data.split=train",): "data.split=train: data=code-problems has no such split",
    ("data=humaneval", "data.path=none.jsonl"): "data.path=none.jsonl: there is no such file",
    ("model=opt-mini", "data=digits"): "data=digits",
    ("task.mutants=0",): "has no problem that can be used",
    ("sandbox.level=docker",): "sandbox.level=docker",
}


@pytest.mark.parametrize("line", REFUSED, ids=" ".join)
def test_bad_input_is_refused(line, tmp_path):
    with pytest.raises(ConfigError) as refused:
        run(tmp_path / "run", *line)

    assert REFUSED[line] in refused.value.message
    assert all(one.hint for one in getattr(refused.value, "errors", [refused.value]))


def test_a_missing_column_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"task_id": "1", "prompt": "def f(): pass", "test": ""}))

    with pytest.raises(ConfigError, match="data=humaneval: problem 0 has no column entry_point"):
        run(tmp_path / "run", "data=humaneval", f"data.path={path}")


def test_problems_that_cannot_be_used_are_told_and_left_out(tmp_path):
    good = {
        "task_id": "T/0", "entry_point": "f", "test": "def check(c):\n    assert c(2) == 3\n",
        "prompt": 'def f(x):\n    """Next.\n    >>> f(1)\n    2\n    """\n',
        "canonical_solution": "    if x < -100:\n        return 0\n    return x + 1\n",
    }  # fmt: skip
    bad = good | {"task_id": "T/1", "canonical_solution": "    return x / 0\n"}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (bad, good)))

    view = run(tmp_path / "run", "data=humaneval", f"data.path={path}", "task.rounds=1")

    assert view.summary.result["problems"] == 1
    assert "1 of 2 problems are left out: T-1" in (view.directory / "log.txt").read_text()

"""What programs that mean well get: verdicts, values, words, limits."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from iterun.errors import IterunError
from iterun.judges.sandbox import (
    Call,
    NotPlainError,
    Program,
    Sandbox,
    open_sandbox,
)

if TYPE_CHECKING:
    from iterun.judges.sandbox.levels import Level

ADD = "def add(a, b):\n    print('adding')\n    return a + b\n"


def test_each_test_has_its_verdict_at_every_level(level: Level) -> None:
    box = open_sandbox(level=level, timeout=20)

    result = box.run_python(ADD, tests=["assert add(1, 2) == 3", "assert add(1, 1) == 3"] * 2)

    assert result.status == "fail"
    assert result.verdicts == (True, False, True, False)
    assert (result.passed, result.failed) == (2, 2)
    assert result.first_error == "assert add(1, 1) == 3 -> AssertionError"
    assert result.stdout == "adding\n" * 4


def test_calls_bring_values_back_at_every_level(level: Level) -> None:
    box = open_sandbox(level=level, timeout=20)
    code = "def f(x, y=0): return {'sum': x + y, 'parts': (x, y), 'half': x / 2, 'set': {x, y}}"

    result = box.call(code, "f", [(4, 2), (10**30,)])

    assert result.status == "pass"
    expected = {"sum": 6, "parts": (4, 2), "half": 2.0, "set": {4, 2}}
    assert result.outputs[0].value == expected
    assert result.outputs[1].value["sum"] == 10**30


def test_installed_packages_can_be_used_at_every_level(level: Level) -> None:
    box = open_sandbox(level=level, timeout=60)

    result = box.run_python("import numpy\nprint(numpy.arange(3).sum())")

    assert (result.status, result.stdout) == ("pass", "3\n")


def test_a_script_runs_as_main_and_without_tests_passes_none(sandbox: Sandbox) -> None:
    result = sandbox.run_python("if __name__ == '__main__': print('é')")

    assert (result.status, result.stdout, result.verdicts) == ("pass", "é\n", ())
    assert (result.passed, result.failed) == (0, 0)


def test_a_state_that_one_test_leaves_is_none_of_the_next(sandbox: Sandbox) -> None:
    code = "n = 0\ndef f():\n    global n\n    n += 1\n    open('left', 'a').close()\n    return n"

    result = sandbox.run_python(code, tests=["assert f() == 1"] * 3)

    assert result.verdicts == (True, True, True)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def f(:", "SyntaxError: invalid syntax (<program>, line 1)"),
        ("x = 1\ny = x / 0", "ZeroDivisionError: division by zero (line 2)"),
        ("\x00", "null bytes"),
        ("x = '\ud800'", "UnicodeEncodeError"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere' (line 1)"),
    ],
)
def test_a_program_that_does_not_load_is_an_error_told_once(
    sandbox: Sandbox, code: str, error: str
) -> None:
    result = sandbox.run_python(code, tests=["assert f() == 1", "assert f() == 2"])

    assert (result.status, result.failed) == ("error", 2)
    assert error in result.first_error


def test_an_error_names_the_test_and_the_programs_line(sandbox: Sandbox) -> None:
    code = "def f(x):\n    if x:\n        raise KeyError(x)\n"

    result = sandbox.run_python(code, tests=["assert f(0) is None", "f('a')"])

    assert result.first_error == "f('a') -> KeyError: 'a' (line 3)"


def test_tests_after_the_time_limit_count_as_failed(sandbox: Sandbox) -> None:
    code = "def f(x):\n    while x: pass\n    return 1"

    result = sandbox.run_python(
        code, tests=["assert f(0)", "assert f(1)", "assert f(0)"], timeout=1
    )

    assert result.status == "timeout"
    assert result.verdicts == (True, False, False)


def test_each_call_has_its_value_or_its_error(sandbox: Sandbox) -> None:
    code = "def f(x): return [1 / x] if x < 9 else lambda: x"

    result = sandbox.call(code, "f", [(2,), (0,), (9,), ()])

    assert result.status == "fail"
    assert [output.status for output in result.outputs] == ["pass", "fail", "fail", "fail"]
    assert result.outputs[0].value == [0.5]
    assert "division by zero (line 1)" in result.outputs[1].error
    assert "function has no plain form" in result.outputs[2].error
    assert "missing 1 required positional argument" in result.outputs[3].error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("def f(x): return 'x' * 9_000_000", "too large"),
        ("def f(x):\n    a = []\n    a.append(a)\n    return a", "nested more than 50 deep"),
        ("g = 1", "has no attribute 'f'"),
        ("f = 1", "not callable"),
        ("def f(x):\n    x.append(2)\n    return x is not None and (yield x)", "generator"),
    ],
)
def test_a_value_that_cannot_come_out_is_a_failed_call(
    sandbox: Sandbox, code: str, error: str
) -> None:
    (output,) = sandbox.call(code, "f", [([1],)]).outputs

    assert output.status == "fail"
    assert error in output.error


def test_an_object_that_equals_everything_fools_asserts_but_no_call(sandbox: Sandbox) -> None:
    """What the docstring of SandboxResult says about tests in the program's process."""
    code = """
class Liar(int):
    def __eq__(self, other): return True
    def __repr__(self): return "3"
def add(a, b): return Liar(0)
"""
    assert sandbox.run_python(code, tests=["assert add(1, 2) == 3"]).status == "pass"

    (output,) = sandbox.call(code, "add", [(1, 2)]).outputs

    assert (output.status, output.value) == ("fail", None)
    assert "Liar has no plain form" in output.error


def test_a_function_that_defeats_the_codec_gains_nothing(sandbox: Sandbox) -> None:
    code = """
import json, sys
json.dumps = lambda *a, **k: '["l",1,2'
def f(x): return [1, 2]
"""
    (output,) = sandbox.call(code, "f", [(1,)]).outputs

    assert output.status == "fail"
    assert "no plain value" in output.error


def test_inputs_must_be_plain(sandbox: Sandbox) -> None:
    with pytest.raises(NotPlainError):
        sandbox.call("def f(x): return x", "f", [(object(),)])


def test_many_keep_their_order_whatever_the_workers(sandbox: Sandbox) -> None:
    programs = [
        Program(code=f"def f(): return {k}", tests=[f"assert f() == {k % 3}"]) for k in range(6)
    ]
    calls = [Call(code=f"def f(x): return x * {k}", entry="f", inputs=[(2,)]) for k in range(4)]

    alone = sandbox.run_many(programs, workers=1)
    together = sandbox.run_many(programs, workers=4)
    values = sandbox.run_many(calls)

    assert [r.verdicts for r in together] == [r.verdicts for r in alone]
    assert [r.passed for r in alone] == [1, 1, 1, 0, 0, 0]
    assert [r.outputs[0].value for r in values] == [0, 2, 4, 6]


def test_a_program_does_the_same_each_time_it_is_started(sandbox: Sandbox) -> None:
    code = "import random\nprint(random.random(), set('iterative'), hash('word'))"

    first, again, other = (sandbox.run_python(code, seed=seed).stdout for seed in (1, 1, 2))

    assert first == again
    assert first.split()[0] != other.split()[0]
    assert first.split()[1:] == other.split()[1:]


def test_output_is_cut_at_the_limit_set() -> None:
    box = open_sandbox(output_kb=1, timeout=20)

    result = box.run_python("print('x' * 5000)\nprint('end')")

    assert (result.status, len(result.stdout)) == ("pass", 1024)


def test_limits_are_those_that_were_set(level: Level) -> None:
    box = open_sandbox(level=level, timeout=20, memory_mb=100, file_mb=2)
    code = """
import resource
for name in ("AS", "FSIZE", "NOFILE", "CORE"):
    print(resource.getrlimit(getattr(resource, "RLIMIT_" + name)))
"""
    limits = [100 << 20, 2 << 20, 64, 0]

    result = box.run_python(code)

    assert result.stdout.splitlines() == [str((limit, limit)) for limit in limits]


def test_a_program_finds_nothing_of_ours_among_its_modules(sandbox: Sandbox) -> None:
    result = sandbox.run_python("import sys\nprint([m for m in sys.modules if 'iterun' in m])")

    assert result.stdout == "[]\n"


def test_a_sandbox_that_does_not_start_is_no_programs_fault(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(IterunError, match=f"sandbox.level={sandbox.level} did not start"):
        sandbox.run_python("x = 1")


def test_no_descriptor_is_left_open(sandbox: Sandbox) -> None:
    sandbox.run_python("x = 1")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0

    for _ in range(3):
        sandbox.run_python("x = 1")

    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before

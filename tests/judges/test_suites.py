"""Replies read: programs and suites found in all that models write, and what suites are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.judges.programs import fenced, parse_program
from iterun.judges.suites import MOST, Outcome, Quality, parse_suite, quality

CODE = "def f(x):\n    return x\n"
OTHER = "def f(x):\n    return 2\n"


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        (f"```python\n{CODE}```", CODE),
        (f"Sure!\n```py\n{CODE}```\nIt works.", CODE),
        (f"```\n{OTHER}```\nBetter:\n```python\n{CODE}```", CODE),
        (f"```python\n{CODE}```\nTry it:\n```\nprint(f(1))\n```", CODE),
        (f"```python\n{CODE}```\n```python\ndef f(x:\n```", CODE),
        (f"  ```python\n{CODE}  ```", CODE),
        (f"```python\n{CODE}", CODE),  # cut
        (CODE, CODE),
        ("```python\ndef g(x):\n    return x\n```", None),
        ("```python\nclass A:\n    def f(self): pass\n```", None),
        ("def f(x): is easy", None),
        ("f = 1\0", None),
        ("```python\n" + "(" * 1000 + "\n```", None),
        ("", None),
    ],
)
def test_the_last_block_that_defines_the_function_is_the_program(reply, program):
    assert parse_program(reply, "f") == program


def test_code_that_only_warns_is_a_program():
    assert parse_program('```python\ndef f(x):\n    return "\\d"\n```', "f") is not None


@given(st.text())
def test_any_text_is_read_without_an_error(text):
    for reply in (text, f"```python\n{text}\n```", f"```\nassert f({text}) == 1\n```"):
        parse_program(reply, "f")
        assert all("f(" in test for test in parse_suite(reply, "f"))


def test_a_fence_inside_a_line_is_none():
    assert fenced("use ``` here") == []


@pytest.mark.parametrize(
    ("reply", "suite"),
    [
        ("```python\nassert f(1) == 1\nassert f(2) == 2\n```", ("f(1) == 1", "f(2) == 2")),
        ("```python\nassert f(1) == 1  # basic\nassert g(2) == 2\nx = f(3)\n```", ("f(1) == 1",)),
        ("```python\nassert (\n    f(1)\n    == 1\n)\n```", ("f(1) == 1",)),
        ("```\nassert f(1) == 1\nassert f(2 ==\nassert f(3) == 3\n```", ("f(1) == 1", "f(3) == 3")),
        ("```python\nassert f(1) == 1\nassert f(1) == 1\n```", ("f(1) == 1",)),
        ("assert f(1) == 1\nassert f(2) == 2", ("f(1) == 1", "f(2) == 2")),
        ("Here:\nassert f(1) == 1\nDone.", ("f(1) == 1",)),
        ("```python\nassert f(1) == 1\n```\nRun:\n```\npytest\n```", ("f(1) == 1",)),
        ("no tests", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_asserts_on_the_function_are_the_suite(reply, suite):
    assert parse_suite(reply, "f") == tuple(f"assert {test}" for test in suite)


def test_a_suite_has_an_end():
    reply = "\n".join(f"assert f({k}) == {k}" for k in range(100))

    assert len(parse_suite(reply, "f")) == MOST


def test_suites_are_judged_by_reference_and_mutants():
    """Three asserts, the second wrong; lines 2, 3 of 2, 3, 4; a mutant may fail the wrong one."""
    reference = [Outcome(passed=True, lines=(2,)), Outcome(passed=False, lines=(2, 3)),
                 Outcome(passed=True, lines=())]  # fmt: skip
    killed = [Outcome(passed=ok) for ok in (False, False, True)]
    alive = [Outcome(passed=ok) for ok in (True, False, True)]

    told = quality(reference, (2, 3, 4), [killed, alive, []])

    assert told == Quality(asserts=3, right=2, covered=2, lines=3, killed=1, mutants=3)

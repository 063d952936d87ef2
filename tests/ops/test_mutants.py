"""Mutants: each kind of change, worked by hand, and that every change can be undone."""

from __future__ import annotations

import ast

import pytest

from iterun.data.code_problems import embedded
from iterun.ops.mutants import guarded, mutants, parameters

#: a body, a kind -> all bodies that one change of that kind makes of it
CHANGES = [
    ("return x + 5", "constant", ["return x + 6", "return x + 4"]),
    ("return -1", "constant", ["return -2", "return 0"]),
    ("return range(x)", "constant", ["return range(x + 1)", "return range(x - 1)"]),
    ("return x[x:]", "constant", ["return x[x + 1:]", "return x[x - 1:]"]),
    ("return True", "constant", []),
    ("return x < y", "comparison", ["return x <= y", "return x > y", "return x >= y"]),
    ("return x == y", "comparison", ["return x != y"]),
    ("return x not in y", "comparison", ["return x in y"]),
    ("return x is None", "comparison", ["return x is not None"]),
    ("return x + y", "operator", ["return x - y"]),
    ("return x * y", "operator", ["return x // y", "return x % y"]),
    ("return x and y", "operator", ["return x or y"]),
    ("return min(x)", "operator", ["return max(x)"]),
    ("return any(x)", "operator", ["return all(x)"]),
    ("return x if y else x", "condition", ["return x if not y else x"]),
    ("while not x:\n        y()", "condition", ["while x:\n        y()"]),
    ("if x:\n        return y\n    return x", "guard", ["pass\n    return x"]),
    ("if x:\n        y()\n    return x", "guard", []),
    ("if x:\n        return y\n    else:\n        y()", "guard", []),
]


def of(body):
    return f"def f(x, y):\n    {body}"


@pytest.mark.parametrize(("body", "kind", "wanted"), CHANGES)
def test_each_kind_of_change_is_made(body, kind, wanted):
    found = [one.source for one in mutants(of(body), "f") if one.kind == kind]

    assert sorted(found) == sorted(ast.unparse(ast.parse(of(one))) for one in wanted)


def test_lines_are_those_of_the_change():
    source = "def f(x):\n    y = 0\n    if x < 1:\n        y += 2\n    return y"

    lines = {(one.kind, one.line) for one in mutants(source, "f")}

    assert lines == {
        ("constant", 2), ("condition", 3), ("comparison", 3), ("constant", 3), ("constant", 4),
        ("operator", 4),
    }  # fmt: skip


def test_only_the_function_named_is_changed_and_no_annotation_of_it():
    source = "N = 1\ndef f(x: list[0] = 7):\n    return x\ndef g():\n    return 2"

    assert list(mutants(source, "f")) == []
    assert len(list(mutants(source, "g"))) == 2
    with pytest.raises(LookupError):
        list(mutants(source, "h"))


@pytest.mark.parametrize("problem", embedded(split="dev").test, ids=lambda one: one.id)
def test_a_mutant_of_any_kind_but_a_dropped_guard_can_be_undone(problem):
    """One change back at most; `+ 1` made of a bound goes away again."""
    original = ast.unparse(ast.parse(problem.solution))

    for one in mutants(problem.solution, problem.entry):
        if one.kind != "guard":
            back = {
                ast.unparse(ast.parse(two.source)) for two in mutants(one.source, problem.entry)
            }
            assert original in back


def test_mutants_come_once_and_in_the_same_order():
    source = embedded().test[0].solution
    found = [one.source for one in mutants(source, "quiet_stretches")]

    assert len(set(found)) == len(found) > 20
    assert found == [one.source for one in mutants(source, "quiet_stretches")]
    assert all(ast.parse(one) for one in found)


def test_a_guard_stands_below_the_docstring():
    source = 'def f(x):\n    """Do."""\n    return x[0]'

    assert guarded(source, "f", "x", "[]") == (
        'def f(x):\n    """Do."""\n    if not x:\n        return []\n    return x[0]'
    )
    assert parameters("def f(a, /, b, *, c): pass", "f") == ["a", "b"]

"""HumanEval, MBPP and their EvalPlus forms: from the hub, or from a file or folder.

HumanEval (arXiv 2107.03374), MBPP (arXiv 2108.07732), EvalPlus (arXiv 2305.01210). Nothing of them
is run here: what their tests are is read off their syntax trees.

Departure: where MBPP's tests are shown to a model, as its paper has it, it is the first
`data.shown` ones; they stay among the hidden ones, since published rates count all three.
"""

from __future__ import annotations

import ast
import copy
from functools import partial
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest
from iterun.data.code_problems import CodeProblem, CodeProblems, examples, literal_arguments, stub
from iterun.data.hub_text import rows as hub_rows
from iterun.data.table_files import read_rows
from iterun.errors import ConfigError
from iterun.ops.mutants import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

OFFLINE = "data=code-problems"
EXTENDED = "test_case_list"  # HumanEval-ET has its asserts there


def humaneval(
    *,
    name: str,
    id: str,
    path: str | None = None,
    revision: str | None = None,
    split: str = "test",
    plus: bool = False,
) -> CodeProblems:
    """HumanEval, HumanEval+ or HumanEval-ET: a prompt that is the function's head, and tests.

    Args:
        name: as typed after `data=`.
        id: of the repository on the hub.
        path: a file or folder instead.
        revision: of the repository; None: the newest.
        split: of the repository.
        plus: the tests are EvalPlus': loops over inputs that compare with expected results.

    Raises:
        ConfigError: a column is missing, nothing is there, or a row is no problem.
    """
    found = _rows(name, id, None, path, revision, split)
    tests = EXTENDED if found and EXTENDED in found[0] else "test"
    columns = ("task_id", "prompt", "entry_point", "canonical_solution", tests)
    return _problems(name, found, columns, partial(_of_humaneval, plus=plus))


def _of_humaneval(row: Mapping[str, Any], *, plus: bool) -> CodeProblem:
    prompt, entry = str(row["prompt"]), str(row["entry_point"])
    more = "\n".join(map(str, row.get(EXTENDED) or ()))
    checks = _as_check(more, entry) if more else str(row["test"])
    solution = prompt + str(row["canonical_solution"])
    head = prompt + "    pass\n"
    return CodeProblem(
        id=str(row["task_id"]).replace("/", "-"),
        entry=entry,
        prompt=prompt,
        solution=solution,
        preamble=_above(head, entry),
        examples=examples(head, entry),
        checks=checks,
        by_value=plus or compares_values(checks, "check"),
    )


def mbpp(
    *,
    name: str,
    id: str,
    config: str | None = None,
    path: str | None = None,
    revision: str | None = None,
    split: str = "test",
    shown: int = 1,
    plus: bool = False,
) -> CodeProblems:
    """MBPP or MBPP+: a sentence, and asserts.

    Args:
        name: as typed after `data=`.
        id: of the repository on the hub.
        config: "full" or "sanitized".
        path: a file or folder instead.
        revision: of the repository; None: the newest.
        split: of the repository.
        shown: how many of the asserts the task shows; without one, the arguments' types are a
            guess.
        plus: the tests are EvalPlus'.

    Raises:
        ConfigError: a column is missing, nothing is there, or a row is no problem.
    """
    if shown < 0:
        raise ConfigError(f"data.shown={shown} is no number of tests", hint="as in data.shown=1")

    found = _rows(name, id, config, path, revision, split)
    columns = ("task_id", "code", "test_list", *(("test",) if plus else ()))
    has_text = "text" if found and "text" in found[0] else "prompt"
    return _problems(name, found, (*columns, has_text), partial(_of_mbpp, shown=shown, plus=plus))


def _of_mbpp(row: Mapping[str, Any], *, shown: int, plus: bool) -> CodeProblem:
    asserts = [str(line) for line in row["test_list"]]
    code = str(row["code"]).replace("\r\n", "\n")
    entry = _called(code, asserts)
    setup = "\n".join([*(row.get("test_imports") or ()), row.get("test_setup_code") or ""])
    more = [str(line) for line in row.get("challenge_test_list") or ()]
    tests = str(row["test"]) if plus else "\n".join([setup, *asserts, *more])
    checks = _as_check(tests, entry)
    calls = [_call_in(line, entry) for line in asserts[:shown]]
    return CodeProblem(
        id=f"MBPP-{row['task_id']}",
        entry=entry,
        prompt=_sentence(row.get("text") or row["prompt"], code, entry, asserts[:shown]),
        solution=code,
        examples=tuple(call for call in calls if call is not None),
        checks=checks,
        by_value=plus or compares_values(checks, "check"),
    )


def compares_values(source: str, function: str) -> bool:
    """Whether all asserts of a test function compare one call's result with what is expected.

    So it is in `assert candidate(x) == y`, `assert abs(candidate(x) - y) < 1e-6` and `assert not
    candidate(x)`; not where a result is only looked at, as in `assert len(set(candidate(x))) == 3`.
    """
    check = function_of(ast.parse(source), function)
    name = check.args.args[0].arg
    asserts = [node for node in ast.walk(check) if isinstance(node, ast.Assert)]
    return bool(asserts) and all(_is_by_value(node.test, name) for node in asserts)


def _is_by_value(test: ast.expr, name: str) -> bool:
    if isinstance(test, ast.Constant) or _calls(test, name):
        return True
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return _calls(test.operand, name)
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return False
    sides = (test.left, test.comparators[0])
    if isinstance(test.ops[0], ast.Eq | ast.Is):
        return any(_calls(side, name) for side in sides)
    return isinstance(test.ops[0], ast.Lt | ast.LtE) and _is_distance(test.left, name)


def _is_distance(node: ast.expr, name: str) -> bool:
    """`abs(candidate(x) - y)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
        return False
    inner = node.args[0]
    if node.func.id != "abs" or not isinstance(inner, ast.BinOp):
        return False
    return _calls(inner.left, name) or _calls(inner.right, name)


def _calls(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _rows(
    name: str, id: str, config: str | None, path: str | None, revision: str | None, split: str
) -> list[Mapping[str, Any]]:
    if path is not None:
        return list(read_rows(path, split))
    return list(hub_rows(name, id, config, split=split, revision=revision, offline=OFFLINE))


def _problems(
    name: str,
    rows: list[Mapping[str, Any]],
    columns: tuple[str, ...],
    problem: Callable[[Mapping[str, Any]], CodeProblem],
) -> CodeProblems:
    if not rows:
        raise ConfigError(f"data={name} holds no problems", hint=f"or use {OFFLINE}")
    found = []
    for k, row in enumerate(rows):
        for column in columns:
            if row.get(column) is None:
                raise ConfigError(
                    f"data={name}: problem {k} has no column {column}",
                    hint=f"its columns are {', '.join(row)}",
                )
        try:
            found.append(problem(row))
        except (SyntaxError, LookupError) as error:
            raise ConfigError(
                f"data={name}: problem {row['task_id']} cannot be used: {error}",
                hint="drop its row from a copy of the file, and name that: data.path=FILE.jsonl",
            ) from error
    mark = digest(name, *(one.prompt + one.solution + one.checks for one in found))
    return CodeProblems(name=name, fingerprint=mark, test=found)


def _above(source: str, entry: str) -> str:
    """What stands above a function at the top level: imports, other functions."""
    tree = ast.parse(source)
    last = function_of(tree, entry)
    return "\n".join(ast.unparse(node) for node in tree.body if node is not last)


def _called(code: str, asserts: list[str]) -> str:
    """The function of `code` that the asserts call."""
    defined = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    for line in asserts:
        for node in ast.walk(ast.parse(line)):
            if isinstance(node, ast.Name) and node.id in defined:
                return node.id
    raise LookupError("its tests call no function of its code")


def _call_in(line: str, entry: str) -> tuple[Any, ...] | None:
    """The literal arguments of an assert's call of `entry`."""
    for node in ast.walk(ast.parse(line)):
        if isinstance(node, ast.expr) and _calls(node, entry):
            return literal_arguments(ast.unparse(node), entry)
    return None


def _as_check(tests: str, entry: str) -> str:
    """A program of asserts on a function as check(ENTRY), which takes the function's place."""
    check = ast.parse(f"def check({entry}):\n    pass")
    function_of(check, "check").body = ast.parse(tests).body
    return ast.unparse(check)


def _sentence(text: Any, code: str, entry: str, shown: list[str]) -> str:
    """MBPP's sentence as a docstring below the reference's signature, with the asserts shown."""
    head = copy.copy(function_of(ast.parse(code), entry))
    lines = [" ".join(str(text).split()), *(line.strip() for line in shown), ""]
    head.body = [ast.Expr(ast.Constant("\n    ".join(lines)))]
    return stub(ast.unparse(ast.Module([head], [])), entry)

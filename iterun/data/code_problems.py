"""Programming problems: a task in words, and hidden tests that tell whether a program does it."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest
from iterun.errors import ConfigError
from iterun.ops.mutants import function_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

Arguments = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class CodeProblem:
    """One function to be written.

    Hidden tests are calls with `inputs`, whose results have to be the reference's; or, where a set
    of problems has its tests as a program, `checks`. Neither is ever shown.
    """

    id: str
    entry: str  #: the name of the function
    prompt: str  #: what is shown: signature and docstring
    solution: str  #: a program that defines `entry` and passes
    preamble: str = ""  #: imports and functions that stand above any answer
    examples: tuple[Arguments, ...] = ()  #: arguments of the visible examples
    inputs: tuple[Arguments, ...] = ()  #: arguments of the hidden tests
    checks: str = ""  #: a program that defines check(candidate), which raises where a test fails
    by_value: bool = True  #: whether `checks` does nothing but compare results with expected ones


@dataclass(frozen=True)
class Case:
    """A call of a problem's function, and its right result."""

    sort: str  #: basic, edge, large-scale
    arguments: Arguments
    result: Any


@dataclass(frozen=True, kw_only=True)
class CodeProblems:
    """A data set (types.Dataset) of `CodeProblem`; sets made for testing have nothing to train on.

    Args:
        name: as typed after `data=`.
        fingerprint: of the content.
        test: the problems.
        dev: those by which settings were chosen.
    """

    name: str
    fingerprint: str
    test: Sequence[CodeProblem]
    dev: Sequence[CodeProblem] = ()
    train: Sequence[CodeProblem] = ()


def embedded(*, name: str = "code-problems", split: str = "test") -> CodeProblems:
    """The problems that come with the package: four `dev` ones, and twelve to test on.

    Args:
        name: as typed after `data=`.
        split: "test" or "dev": which ones are the problems of a run.

    Raises:
        ConfigError: there is no such split.
    """
    from iterun.data.code_bank import ledgers, sequences

    if split not in ("test", "dev"):
        raise ConfigError(
            f"data.split={split}: data={name} has no such split", hint="data.split=test"
        )
    found = [_of_function(module, key) for module in (sequences, ledgers) for key in module.INPUTS]
    # Every fourth one is for choosing settings by: of both modules.
    dev = [problem for k, problem in enumerate(found) if k % 4 == 3]
    test = [problem for problem in found if problem not in dev]
    mark = digest(*(problem.solution + repr(problem.inputs) for problem in found), split)
    return CodeProblems(name=name, fingerprint=mark, test=test if split == "test" else dev, dev=dev)


def _of_function(module: ModuleType, name: str) -> CodeProblem:
    function: Callable[..., Any] = getattr(module, name)
    source = inspect.getsource(function)
    return CodeProblem(
        id=name,
        entry=name,
        prompt=stub(source, name),
        solution=source,
        examples=examples(source, name),
        inputs=tuple(module.INPUTS[name]),
    )


def stub(source: str, entry: str) -> str:
    """A function's head: signature and docstring, as they are written."""
    function = function_of(ast.parse(source), entry)
    doc = function.body[0]
    if not (isinstance(doc, ast.Expr) and isinstance(doc.value, ast.Constant)):
        return source.splitlines()[function.lineno - 1] + "\n"
    lines = source.splitlines()[function.lineno - 1 : doc.end_lineno]
    return "\n".join(lines) + "\n"


def examples(source: str, entry: str) -> tuple[Arguments, ...]:
    """The arguments of the docstring's `>>>` lines that call the function with literals."""
    text = ast.get_docstring(function_of(ast.parse(source), entry)) or ""
    found = []
    for line in text.splitlines():
        if line.strip().startswith(">>> "):
            arguments = literal_arguments(line.strip()[4:], entry)
            if arguments is not None:
                found.append(arguments)
    return tuple(found)


def literal_arguments(expression: str, entry: str) -> Arguments | None:
    """The arguments of a call `entry(...)`, if that is what the text is and all are literals."""
    try:
        node = ast.parse(expression, mode="eval").body
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            arguments = tuple(ast.literal_eval(argument) for argument in node.args)
            return arguments if node.func.id == entry else None
    except (SyntaxError, ValueError):
        pass  # docstrings hold what their authors liked
    return None

"""A program in place of the programmer and the designer, for machines without a language model.

It answers in the format that is asked of a model and reads a request's payload alone. Simulated,
and so told by every run: the first programs are mutants of the reference solution, and the tests'
results are the reference's with probability `Design.accuracy`. From then on it sees no solution:
it tries small changes to its last program, in the order of the suspicion that tests throw on the
lines they change (Ochiai's coefficient, Abreu et al. 2007),

    s(line) = failed(line) / sqrt(failed * (failed(line) + passed(line))),

failed(line) being the failing tests that execute it; a guard `if not x` counts as executed by the
tests in which x is empty or zero. Without feedback it draws from the same changes blindly, to the
first program, as a model that is asked once more without being told anything.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from iterun.data.cache import digest
from iterun.data.code_problems import Case, literal_arguments
from iterun.ops.fuzz import wrong
from iterun.ops.mutants import function_of, guarded, mutants, parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.types import Request

SIMULATED = ("first programs: mutants of the solution", "tests: wrong at a set rate")


@dataclass(frozen=True)
class Draft:
    """Asks for a first program."""

    bugs: tuple[str, ...]  #: to choose from
    order: int  #: seed of the order; the same for all candidates of a round
    place: int  #: of the candidate among them


@dataclass(frozen=True)
class Traced:
    """What a test says of a program."""

    test: str
    passed: bool
    lines: frozenset[int]  #: executed


@dataclass(frozen=True)
class Repair:
    """Asks for another program."""

    program: str
    entry: str
    order: int
    place: int
    tests: tuple[Traced, ...] | None  #: None: without feedback
    tried: frozenset[str] = frozenset()  #: marks of programs that need not come again


@dataclass(frozen=True)
class Design:
    """Asks for a suite of tests."""

    entry: str
    cases: tuple[Case, ...]
    accuracy: float  #: probability that an expected result is the right one
    n: int  #: tests


@dataclass(frozen=True)
class _Edit:
    source: str
    line: int  #: changed; 0: a guard, which is at none
    argument: str = ""  #: of a guard


def mark(program: str) -> str:
    """A short digest of a program's text, by which it is known again."""
    return digest(program.strip().encode(errors="surrogatepass"))[:16]


def propose(request: Request, seed: int) -> str:
    """The reply's text (types.Proposer)."""
    payload, rng = request.payload, Random(seed)
    if isinstance(payload, Draft):
        bugs = list(payload.bugs)
        Random(payload.order).shuffle(bugs)
        return _block(bugs[payload.place % len(bugs)])
    if isinstance(payload, Repair):
        return _block(_repaired(payload, rng))
    if isinstance(payload, Design):
        return _block("\n".join(_tests(payload, rng)) + "\n")
    raise TypeError(f"a payload of {type(payload).__name__}")


def _block(source: str) -> str:
    return f"```python\n{source}\n```"


def _repaired(payload: Repair, rng: Random) -> str:
    seen = _seen(payload)
    edits = _edits(payload, seen)
    if payload.tests is None:
        return rng.choice(edits).source
    Random(payload.order).shuffle(edits)  # among equals
    left = [edit for edit in edits if mark(edit.source) not in payload.tried] or edits
    left.sort(key=lambda edit: -_suspicion(edit, seen))
    return left[payload.place % len(left)].source


@dataclass(frozen=True)
class _Seen:
    """A test's outcome, with what its text says."""

    passed: bool
    lines: frozenset[int]
    empty: frozenset[str]  #: parameters whose argument is empty or zero
    expected: str


def _seen(payload: Repair) -> list[_Seen]:
    names = parameters(payload.program, payload.entry)
    found = []
    for test in payload.tests or ():
        arguments, expected = _said(test.test, payload.entry)
        empty = {name for name, value in zip(names, arguments, strict=False) if not value}
        found.append(_Seen(test.passed, test.lines, frozenset(empty), expected))
    return found


def _edits(payload: Repair, seen: list[_Seen]) -> list[_Edit]:
    """All changes: mutants, and guards at the head of the function."""
    source, entry = payload.program, payload.entry
    found = [_Edit(mutant.source, mutant.line) for mutant in mutants(source, entry)]
    nothing = _empty_result(source, entry)
    for name in parameters(source, entry):
        told = {test.expected for test in seen if not test.passed and name in test.empty}
        values = sorted({nothing} | told)
        found += [_Edit(guarded(source, entry, name, value), 0, name) for value in values]
    return found or [_Edit(source, 0)]


def _suspicion(edit: _Edit, seen: list[_Seen]) -> float:
    """Ochiai's coefficient of what the edit changes."""
    failed = sum(not test.passed for test in seen)
    by = [t for t in seen if (edit.argument in t.empty if edit.argument else edit.line in t.lines)]
    of_failed = sum(not test.passed for test in by)
    return of_failed / math.sqrt(failed * len(by)) if of_failed else 0.0


def _said(test: str, entry: str) -> tuple[tuple[Any, ...], str]:
    """The arguments and the expected result of `assert entry(...) == ...`; of others nothing."""
    statement = ast.parse(test).body[0]
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
        arguments = literal_arguments(ast.unparse(statement.test.left), entry)
        if arguments is not None:
            return arguments, ast.unparse(statement.test.comparators[0])
    return (), ""


def _empty_result(source: str, entry: str) -> str:
    """What a function of this annotation gives for nothing; None where it has none."""
    returns = function_of(ast.parse(source), entry).returns
    name = ast.unparse(returns).partition("[")[0].lower() if returns else ""
    empty = {"list": "[]", "int": "0", "str": "''", "bool": "False", "tuple": "()", "dict": "{}"}
    return empty.get(name, "None")


def _tests(payload: Design, rng: Random) -> Sequence[str]:
    """One line each, of all sorts in turn, under the sort's name."""
    sorts = list(dict.fromkeys(case.sort for case in payload.cases))
    lines = []
    for k in range(payload.n):
        sort = sorts[k % len(sorts)]
        case = rng.choice([case for case in payload.cases if case.sort == sort])
        mistake = wrong(case.result, rng)  # drawn in any case: accuracies differ in nothing else
        result = case.result if rng.random() < payload.accuracy else mistake
        call = f"{payload.entry}({', '.join(map(repr, case.arguments))})"
        lines += [f"# {sort}", f"assert {call} == {result!r}"]
    return lines

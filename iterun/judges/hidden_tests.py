"""Tests that stay hidden, and tell whether a program is right.

They are calls whose results come out of the sandbox and are compared here with the reference's, so
that no program has a say in its verdict. A set of problems that has its tests as a program is
judged so as well, where they do nothing but compare; its other problems (find any root, say) are
judged by that program inside the sandbox, where a program made for it could cheat.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.judges.sandbox import Call, Program
from iterun.judges.unit_tests import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.data.code_problems import Arguments, CodeProblem
    from iterun.judges.sandbox import CallResult, Output
    from iterun.judges.unit_tests import Bench

TOLERANCE = 1e-6  # floats may differ by this share, or by this much
PER_TEST = 0.05  # seconds for the process of each test, beside the program's own time
LIMIT = 20_000  # lines that a mutant may execute in a call: some never end


@dataclass(frozen=True, kw_only=True, eq=False)
class Hidden:
    """The tests of one problem."""

    entry: str
    inputs: tuple[Arguments, ...] = ()
    outputs: tuple[Any, ...] = ()  #: of the reference, by input
    checks: str = ""  #: in place of both: a program with check(candidate)


class Verdicts:
    """Tells which programs pass; each is asked once.

    Args:
        bench: runs them.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._known: dict[tuple[Hidden, str], bool] = {}

    def passes(self, jobs: Sequence[tuple[Hidden, str]]) -> list[bool]:
        """By pair of tests and program."""
        new = [job for job in dict.fromkeys(jobs) if job not in self._known]
        called = [(tests, program) for tests, program in new if not tests.checks]
        calls = [_called(tests, code, self._bench.timeout) for tests, code in called]
        for job, result in zip(called, self._bench.run(calls, "hidden tests"), strict=True):
            self._known[job] = _is_right(job[0], result)
        checked = [(tests, program) for tests, program in new if tests.checks]
        programs = [_checked(tests, code, self._bench.timeout) for tests, code in checked]
        for job, done in zip(checked, self._bench.run(programs, "hidden tests"), strict=True):
            self._known[job] = done.status == "pass"
        return [self._known[job] for job in jobs]


def hidden_tests(problems: Sequence[CodeProblem], bench: Bench) -> list[Hidden | str]:
    """The hidden tests of each problem; or why it has none: its own reference does not pass."""
    asked = [problem for problem in problems if problem.checks and problem.by_value]
    jobs = [[(problem.solution, problem.entry, problem.checks)] for problem in asked]
    recorded = {
        problem.id: output.value
        for problem, (output,) in zip(asked, bench.line_by_line("arguments", jobs), strict=True)
        if output.status == "pass" and output.value
    }
    plans = [
        Hidden(
            entry=problem.entry,
            inputs=tuple(recorded.get(problem.id, problem.inputs)),
            checks="" if problem.id in recorded else problem.checks,
        )
        for problem in problems
    ]
    return _of_references(problems, plans, bench)


def failing_mutants(jobs: Sequence[tuple[Hidden, Sequence[str]]], bench: Bench) -> list[list[str]]:
    """Those of the mutants that fail the hidden tests; of tests that are a program none is known.

    Mutants are ours and not a model's: they are called line by line, since some never end.
    """
    asked = [
        [(code, tests.entry, list(tests.inputs), LIMIT) for code in codes if not tests.checks]
        for tests, codes in jobs
    ]
    found = []
    for (tests, codes), outputs in zip(jobs, bench.line_by_line("results", asked), strict=True):
        pairs = zip(codes, outputs, strict=False)
        found.append([code for code, output in pairs if not _agrees_with(tests, output)])
    return found


def agrees(value: Any, expected: Any) -> bool:
    """Whether two plain values are equal as Python has it, floats within `TOLERANCE`.

    A list is no tuple; 1, 1.0 and True are equal, and so are two nan.
    """
    if isinstance(value, float) or isinstance(expected, float):
        both = isinstance(value, int | float) and isinstance(expected, int | float)
        return both and _near(value, expected)
    if isinstance(expected, list | tuple) and type(value) is type(expected):
        return len(value) == len(expected) and all(map(agrees, value, expected))
    if isinstance(expected, dict) and isinstance(value, dict):
        return value.keys() == expected.keys() and all(agrees(value[k], expected[k]) for k in value)
    return bool(value == expected)


def _near(value: float, expected: float) -> bool:
    try:
        if math.isnan(value) or math.isnan(expected):
            return math.isnan(value) and math.isnan(expected)
        return math.isclose(value, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    except OverflowError:  # a whole number beyond all floats
        return value == expected


def _of_references(
    problems: Sequence[CodeProblem], plans: Sequence[Hidden], bench: Bench
) -> list[Hidden | str]:
    found: dict[int, Hidden | str] = {}
    by_call = [k for k, plan in enumerate(plans) if not plan.checks]
    calls = [_called(plans[k], problems[k].solution, PATIENCE) for k in by_call]
    for k, result in zip(by_call, bench.run(calls, "references"), strict=True):
        values = tuple(output.value for output in result.outputs)
        plan = Hidden(entry=plans[k].entry, inputs=plans[k].inputs, outputs=values)
        found[k] = plan if result.status == "pass" else f"its reference ends in {result.status}"
    by_check = [k for k, plan in enumerate(plans) if plan.checks]
    programs = [_checked(plans[k], problems[k].solution, PATIENCE) for k in by_check]
    for k, done in zip(by_check, bench.run(programs, "references"), strict=True):
        found[k] = plans[k] if done.status == "pass" else f"its reference: {done.first_error}"
    return [found[k] for k in range(len(plans))]


def _is_right(tests: Hidden, result: CallResult) -> bool:
    return all(
        output.status == "pass" and agrees(output.value, expected)
        for output, expected in zip(result.outputs, tests.outputs, strict=True)
    )


def _agrees_with(tests: Hidden, output: Output) -> bool:
    """Of a mutant's results: [whether it returned, value] by input."""
    return output.status == "pass" and all(
        returned and agrees(value, expected)
        for (returned, value), expected in zip(output.value, tests.outputs, strict=True)
    )


def _called(tests: Hidden, code: str, timeout: float) -> Call:
    timeout += PER_TEST * len(tests.inputs)  # EvalPlus has a thousand
    return Call(code=code, entry=tests.entry, inputs=tests.inputs, timeout=timeout)


def _checked(tests: Hidden, code: str, timeout: float) -> Program:
    code = f"{code}\n{tests.checks}\n"
    return Program(code=code, tests=(f"check({tests.entry})",), timeout=timeout)

"""Programs run line by line: what they execute, give and are called with.

This file is sent into the sandbox as text, and run there and nowhere else. It imports nothing of
the package. A test ends after so many executed lines, not after a time: what is found is the same
on every machine.
"""

from __future__ import annotations

import copy
import sys
from functools import partial
from types import CodeType

TYPE_CHECKING = False  # `typing` takes longer to import than most tests to run
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

NAME = "<program>"
LIMIT = 300_000  # executed lines a test


class Endless(BaseException):  # `except Exception` lets it pass
    """A test has executed more lines than it may."""


def traced(program: str, tests: list[str]) -> list[Any]:
    """Run each test once.

    Args:
        program: it is executed first.
        tests: statements, which raise where they fail.

    Returns:
        The lines of functions that could be executed; then, by test, whether it passed, and the
        numbers of the lines executed, ascending.
    """
    code, scope = _loaded(program)
    found: list[Any] = [sorted(_lines(code))]
    for test in tests:
        watch = _Watch(LIMIT)
        passed, _ = watch.run(partial(exec, test, scope))
        found.append([passed, sorted(watch.executed)])
    return found


def results(program: str, entry: str, inputs: list[tuple[Any, ...]], limit: int) -> list[Any]:
    """Call a function with each of some arguments.

    Args:
        program: it defines the function.
        entry: its name.
        inputs: positional arguments.
        limit: executed lines a call.

    Returns:
        By input: [True, result], or [False, None] where it raised or went on for too long.
    """
    _, scope = _loaded(program)
    return [list(_Watch(limit).run(partial(scope[entry], *args))) for args in inputs]


def arguments(program: str, entry: str, checks: str) -> list[tuple[Any, ...]]:
    """The arguments with which a test program calls a function.

    Args:
        program: it defines the function.
        entry: its name.
        checks: a program that defines check(candidate).
    """
    _, scope = _loaded(program + "\n" + checks)
    called: list[tuple[Any, ...]] = []

    def recorded(*given: Any) -> Any:
        called.append(copy.deepcopy(given))
        return scope[entry](*given)

    scope["check"](recorded)
    return called


def _loaded(program: str) -> tuple[CodeType, dict[str, Any]]:
    code = compile(program, NAME, "exec")
    scope: dict[str, Any] = {"__name__": "program"}
    exec(code, scope)
    return code, scope


def _lines(code: CodeType) -> set[int]:
    """Of all functions inside; a function's own head is no line of it."""
    found: set[int] = set()
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            own = {line for _, _, line in inner.co_lines() if line}
            found |= (own - {inner.co_firstlineno}) | _lines(inner)
    return found


class _Watch:
    """Runs something of the program's, and notes its lines."""

    def __init__(self, limit: int) -> None:
        self.executed: set[int] = set()
        self._left = limit

    def run(self, call: Callable[[], Any]) -> tuple[bool, Any]:
        """Whether it came to its end, and its result."""
        sys.settrace(self._trace)
        try:
            return True, call()
        except (Exception, Endless):  # noqa: BLE001  whatever a program raises is its failure
            return False, None
        finally:
            sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != NAME:
            return None
        if event == "line":
            self.executed.add(frame.f_lineno)
            self._left -= 1
            if self._left < 0:
                raise Endless
        return self._trace

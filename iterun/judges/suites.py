"""Suites of asserts that a model wrote for a function, and what they are worth."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.judges.programs import fenced, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Suite = tuple[str, ...]  # asserts, a line each; an empty one has not been written yet

MOST = 20  # asserts taken of a reply


def parse_suite(text: str, entry: str) -> Suite:
    """The asserts of a reply that call `entry`: of its last fenced block that has any.

    A reply without fences counts as one block. Lines that are no asserts, or don't call the
    function, are dropped; so is what stands after the first `MOST`.
    """
    for block in reversed(fenced(text) or [text]):
        found = [ast.unparse(node) for node in _asserts(block) if _calls(node, entry)]
        if found:
            return tuple(dict.fromkeys(found))[:MOST]
    return ()


def _asserts(block: str) -> Iterator[ast.Assert]:
    tree = parsed(block)
    lines = [tree] if tree is not None else [parsed(line.strip()) for line in block.splitlines()]
    for part in lines:
        yield from (node for node in (part.body if part else ()) if isinstance(node, ast.Assert))


def _calls(node: ast.Assert, entry: str) -> bool:
    return any(
        isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == entry
        for part in ast.walk(node)
    )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One test of one program."""

    passed: bool
    lines: tuple[int, ...] = ()  #: of the program that it executed


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What the suites of one problem are worth, all of them together."""

    asserts: int
    right: int  #: of them, those that the reference passes
    covered: int  #: lines of the reference that they execute
    lines: int  #: that it has
    killed: int  #: mutants of the reference that fail a right assert
    mutants: int


def quality(
    reference: Sequence[Outcome], lines: Sequence[int], mutants: Sequence[Sequence[Outcome]]
) -> Quality:
    """Judge suites by what their asserts say of the reference and of its mutants.

    Args:
        reference: by assert.
        lines: all that the reference has.
        mutants: by mutant and assert. Where nothing is known of one, it is empty: not killed.
    """
    covered = {line for outcome in reference for line in outcome.lines}
    killed = sum(
        any(r.passed and not m.passed for r, m in zip(reference, mutant, strict=False))
        for mutant in mutants
    )
    return Quality(
        asserts=len(reference),
        right=sum(outcome.passed for outcome in reference),
        covered=len(covered & set(lines)),
        lines=len(lines),
        killed=killed,
        mutants=len(mutants),
    )

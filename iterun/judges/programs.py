"""Programs in replies: fenced code found, and looked at without being run."""

from __future__ import annotations

import ast
import re
import warnings

from iterun.ops.mutants import function_of

#: a fence may be left open by a reply that was cut
_FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)


def fenced(text: str) -> list[str]:
    """What stands between fences of three backticks, from the first to the last one."""
    return [match.group(1) for match in _FENCED.finditer(text)]


def parse_program(text: str, entry: str) -> str | None:
    """The program of a reply: the last fenced block that defines `entry`.

    A reply without fences counts as one block. None if no block parses and defines the function.
    """
    for block in reversed(fenced(text) or [text]):
        tree = parsed(block)
        if tree is not None and _defines(tree, entry):
            return block.strip("\n") + "\n"
    return None


def parsed(source: str) -> ast.Module | None:
    """The syntax tree; None where the text, which may be anything, is no program."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of "\d" in a model's text
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _defines(tree: ast.Module, entry: str) -> bool:
    try:
        function_of(tree, entry)
    except LookupError:
        return False
    return True

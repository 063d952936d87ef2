"""First-order mutants of a Python program: one small change to its syntax tree each.

The changes are those that programmers make by mistake:

    constant     a whole number one larger or smaller; an end of a range or slice one off
    comparison   < <= > >= for one another, == for !=, in for not in, is for is not
    operator     + for -, * // % for one another, and for or, min for max, any for all
    condition    negated
    guard        an `if` whose body leaves (return, continue, break, raise) is dropped

Every kind but the last holds its own inverse: a mutant's mutants include the program it came from.
A dropped guard comes back only in the form that `guarded` gives it.
"""

from __future__ import annotations

import ast
import copy
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["constant", "comparison", "operator", "condition", "guard"]

_SWAPS: tuple[tuple[Kind, Sequence[type[ast.AST]]], ...] = (
    ("comparison", (ast.Lt, ast.LtE, ast.Gt, ast.GtE)),
    ("comparison", (ast.Eq, ast.NotEq)),
    ("comparison", (ast.In, ast.NotIn)),
    ("comparison", (ast.Is, ast.IsNot)),
    ("operator", (ast.Add, ast.Sub)),
    ("operator", (ast.Mult, ast.FloorDiv, ast.Mod)),
    ("operator", (ast.And, ast.Or)),
)
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
_LEAVES = (ast.Return, ast.Continue, ast.Break, ast.Raise)


@dataclass(frozen=True)
class Mutant:
    """A program one change away from another."""

    source: str  #: as `ast.unparse` writes it: without comments
    kind: Kind
    line: int  #: of the change, in the program as it was


def mutants(source: str, entry: str) -> Iterator[Mutant]:
    """All first-order mutants of a function, in the order of the syntax tree, each once.

    Args:
        source: a program that defines it at its top level.
        entry: its name.

    Raises:
        SyntaxError: the program doesn't parse.
        LookupError: it has no such function.
    """
    tree = ast.parse(source)
    seen = {ast.unparse(tree)}
    for place, key, node, line in list(_slots(function_of(tree, entry))):
        for kind, new in _changes(node):
            place[key] = new
            mutated = ast.unparse(tree)
            place[key] = node
            if mutated not in seen:  # two ways to one program
                seen.add(mutated)
                yield Mutant(mutated, kind, line)


def guarded(source: str, entry: str, argument: str, value: str) -> str:
    """The program with `if not ARGUMENT: return VALUE` at the head of the function `entry`.

    Args:
        source: a program that defines `entry` at its top level.
        entry: the function's name.
        argument: an expression over its parameters, usually one of them.
        value: an expression.
    """
    tree = ast.parse(source)
    function = function_of(tree, entry)
    guard = ast.parse(f"if not {argument}:\n    return {value}").body[0]
    function.body.insert(0 if ast.get_docstring(function) is None else 1, guard)
    return ast.unparse(tree)


def function_of(tree: ast.Module, entry: str) -> ast.FunctionDef:
    """The function of that name at the top level of a module; the last one counts.

    Raises:
        LookupError: there is none.
    """
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == entry:
            return node
    raise LookupError(f"no function {entry}")


def parameters(source: str, entry: str) -> list[str]:
    """The names of a function's positional parameters."""
    arguments = function_of(ast.parse(source), entry).args
    return [one.arg for one in (*arguments.posonlyargs, *arguments.args)]


class _Fields:
    """The fields of a node by name, set as the items of a list are."""

    def __init__(self, node: ast.AST) -> None:
        self._node = node

    def __setitem__(self, key: Any, value: ast.AST) -> None:
        setattr(self._node, key, value)


def _slots(function: ast.FunctionDef) -> Iterator[tuple[Any, Any, ast.AST, int]]:
    """Each node of the function's body: what holds it, under which key, the node, its line."""
    waiting = deque[tuple[Any, Any, ast.AST, int]](
        (function.body, i, node, node.lineno) for i, node in enumerate(function.body)
    )
    while waiting:
        place, key, node, above = waiting.popleft()
        line = getattr(node, "lineno", above)  # operators have none of their own
        yield place, key, node, line
        if _whole(node) is not None:
            continue  # -1 is a number, not a sign and a number
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                parts = [(i, v) for i, v in enumerate(value) if isinstance(v, ast.AST)]
                waiting.extend((value, i, v, line) for i, v in parts)
            elif isinstance(value, ast.AST):
                waiting.append((_Fields(node), name, value, line))


def _changes(node: ast.AST) -> Iterator[tuple[Kind, ast.AST]]:
    """What could stand in the node's place."""
    if (number := _whole(node)) is not None:
        yield "constant", ast.Constant(number + 1)
        yield "constant", ast.Constant(number - 1)
    yield from (("constant", new) for new in _shifted(node))
    yield from _swapped(node)
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        changed = copy.copy(node)
        changed.test = _negated(node.test)
        yield "condition", changed
    if isinstance(node, ast.If) and not node.orelse and isinstance(node.body[-1], _LEAVES):
        yield "guard", ast.Pass()


def _shifted(node: ast.AST) -> Iterator[ast.AST]:
    """Calls of range, and slices, with one end moved by one, or moved back."""
    if isinstance(node, ast.Call) and _is_name(node.func, "range"):
        for i, end in enumerate(node.args):
            for moved in _moved(end):
                changed = copy.copy(node)
                changed.args = [*node.args[:i], moved, *node.args[i + 1 :]]
                yield changed
    if isinstance(node, ast.Slice):
        for name in ("lower", "upper"):
            end = getattr(node, name)
            for moved in () if end is None else _moved(end):
                part = copy.copy(node)
                setattr(part, name, moved)
                yield part


def _moved(end: ast.expr) -> Iterator[ast.expr]:
    if _whole(end) is not None:
        return  # `_changes` does these
    if (
        isinstance(end, ast.BinOp)
        and isinstance(end.op, ast.Add | ast.Sub)
        and _whole(end.right) == 1
    ):
        yield end.left
        return
    for operation in (ast.Add(), ast.Sub()):
        yield ast.BinOp(end, operation, ast.Constant(1))


def _swapped(node: ast.AST) -> Iterator[tuple[Kind, ast.AST]]:
    """Operators and names for their like."""
    for kind, alike in _SWAPS:
        if type(node) in alike:
            yield from ((kind, other()) for other in alike if other is not type(node))
    if isinstance(node, ast.Name) and node.id in _NAMES:
        yield "operator", ast.Name(_NAMES[node.id], node.ctx)


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _whole(node: ast.AST) -> int | None:
    """The whole number that a node is, its sign included."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = _whole(node.operand)
        return None if number is None else -number
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None

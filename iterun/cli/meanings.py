"""What a system's parameters mean, read from its source: nothing of it is imported."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT = re.compile(r"#:\s?(.*)")


@dataclass(frozen=True)
class Meaning:
    """What the source says of a system."""

    summary: str = ""  #: the first line of the module's docstring, or of the class's
    parameters: dict[str, str] = field(default_factory=dict)  #: what stands behind `#:`
    claims: frozenset[str] = frozenset()  #: class variables that are set to True


def read(target: str) -> Meaning:
    """Docstring and `#:` comments of the class that `_target_` names; empty if not found."""
    module, _, name = target.rpartition(".")
    path = _source(module)
    if path is None:
        return Meaning()
    try:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, SyntaxError, ValueError):
        return Meaning()
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    lines = text.splitlines()
    parameters = dict(_fields(name, classes, lines))
    own = ast.get_docstring(classes[name]) if name in classes else None
    summary = (ast.get_docstring(tree) or own or "").partition("\n")[0]
    return Meaning(summary, parameters, frozenset(_claims(classes.get(name))))


def _source(module: str) -> Path | None:
    """The file of a module, without importing the packages above it."""
    first, *rest = module.split(".")
    try:
        spec = find_spec(first) if first else None
    except (ImportError, ValueError):
        return None
    for root in (spec.submodule_search_locations or []) if spec else []:
        path = Path(root, *rest)
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                return candidate
    return Path(spec.origin) if spec and spec.origin and not rest else None


def _fields(
    name: str, classes: dict[str, ast.ClassDef], lines: list[str]
) -> Iterator[tuple[str, str]]:
    """(parameter, meaning) of a class, those of its bases in the same file first."""
    node = classes.get(name)
    if node is None:
        return
    for base in node.bases:
        if isinstance(base, ast.Name) and base.id != name:
            yield from _fields(base.id, classes, lines)
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            yield item.target.id, _comment(item, lines)


def _claims(node: ast.ClassDef | None) -> Iterator[str]:
    for item in node.body if node is not None else []:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        if isinstance(item.value, ast.Constant) and item.value.value is True:
            yield item.target.id


def _comment(item: ast.AnnAssign, lines: list[str]) -> str:
    """The `#:` comment behind a field and below it, or above it."""
    last = (item.end_lineno or item.lineno) - 1
    end = item.end_col_offset or 0
    behind = lines[last].encode()[end:].decode(errors="replace")
    if match := _COMMENT.search(behind):
        return " ".join([match[1].strip(), *_following(lines[last + 1 :])])
    above = []
    for line in reversed(lines[: item.lineno - 1]):
        match = _COMMENT.match(line.strip())
        if not match or len(line) - len(line.lstrip()) != item.col_offset:
            break
        above.append(match[1].strip())
    return " ".join(reversed(above))


def _following(lines: list[str]) -> Iterator[str]:
    """Lines that are nothing but a `#:` comment, set in further, go on with the one above."""
    for line in lines:
        match = _COMMENT.match(line.strip())
        if not match or len(line) - len(line.lstrip()) < 8:
            return
        yield match[1].strip()

"""Text out of the running Python: pydoc's topics, and the docstrings of the standard library.

It is read where Python keeps it, never from a copy, so each Python version has its own wording.
"""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

JOIN = "\n\n"
TEST_SHARE = 0.2  #: of the characters, at the end: held out
DEV_SHARE = 1 / 16  #: of what is left, at its end: to choose by, never trained on
SKIPPED = {"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"}


def topics() -> str:
    """All of pydoc's topics, sorted by name, joined with an empty line."""
    try:
        from pydoc_data.topics import topics as by_name
    except ImportError as error:
        raise UnavailableError(
            "data=pydoc: this Python was installed without pydoc_data",
            hint="take a file of your own: data=text data.path=FILE",
        ) from error
    return JOIN.join(by_name[name] for name in sorted(by_name))


def cut(text: str, share: float) -> tuple[str, str]:
    """`text` in two: the last `share` of its characters apart."""
    at = int(len(text) * (1 - share))
    return text[:at], text[at:]


def split(text: str) -> dict[str, str]:
    """The last 20 % of the characters as `test`, the last sixteenth of the rest as `dev`."""
    fit, test = cut(text, TEST_SHARE)
    train, dev = cut(fit, DEV_SHARE)
    return {"train": train, "dev": dev, "test": test}


def stdlib_docstrings() -> str:
    """The standard library's docstrings, each once, by file name and line, without test folders."""
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix())
    found: dict[str, None] = {}
    for path in files:
        if not SKIPPED & set(path.relative_to(root).parts):
            found.update(dict.fromkeys(_docstrings(path)))
    return JOIN.join(found)


def _docstrings(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):  # templates, and files written in another encoding
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text

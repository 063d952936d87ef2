"""`iterun diff A B`: what two runs differ in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.analysis.differences import ABSENT, Change, differences, patch_lines
from iterun.cli import words
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count, setting
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, table
from iterun.errors import ConfigError
from iterun.store import paths
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.analysis.differences import Course, Differences
    from iterun.analysis.replay import Difference

_NONE = "not there"
_ADDED = {"+": "good", "-": "bad", "@": "accent"}  #: styles of a patch's lines, by their first sign


def show(a: str, b: str, *, outputs: str | None, patch: bool, as_json: bool) -> bool:
    """Write how two runs differ; whether their iterations are equal.

    Raises:
        ConfigError: an iteration is named.
        StoreError: a run can't be found or read.
    """
    with Index(paths.outputs_root(outputs)) as index:
        first, second = (_view(index, name) for name in (a, b))
    found, screen = differences(first, second), out()
    if as_json:
        names = {
            key: {"id": v.id, "path": str(v.directory)}
            for key, v in zip("ab", (first, second), strict=True)
        }
        lines = {"patch": "".join(patch_lines(first, second))} if patch else {}
        screen.raw(json_text({**names, **found.to_json(), **lines}) + "\n")
        return found.course.is_equal
    _draw(screen, first, second, found)
    if patch:
        _draw_patch(screen, patch_lines(first, second))
    elif any(change.name == "patch" for change in found.code):
        err().line(Span("--patch shows how the changes of the code differ", "dim"))
    return found.course.is_equal


def _view(index: Index, name: str) -> RunView:
    directory, iteration = index.resolve(name)
    if iteration is not None:
        raise ConfigError(
            f"{name}: diff takes whole runs",
            hint=f"iterun compare {name} … holds single iterations against each other",
        )
    return RunView(directory)


def _draw(screen: Screen, a: RunView, b: RunView, found: Differences) -> None:
    for letter, view in (("A", a), ("B", b)):
        screen.line(
            Span(f"{letter}  {view.id}", "bold"), f"  {view.system}  ",
            Span(view.state, words.STYLES.get(view.state, "")), f"  seed {view.record.seed}  ",
            Span(view.record.created, "dim"),
        )  # fmt: skip
    if found.is_identical:
        screen.line()
        screen.line("identical in everything that is recorded, but times and costs")
        return
    for part, changes in found.parts.items():
        if part == "results":
            _draw_course(screen, found.course)
        if changes:
            _draw_changes(screen, part, changes)
    if equal := [part for part, changes in found.parts.items() if not changes]:
        screen.line()
        screen.line(Span("equal: ", "dim"), ", ".join(equal))


def _draw_changes(screen: Screen, part: str, changes: Sequence[Change]) -> None:
    screen.line()
    screen.line(Span(part.capitalize(), "bold"))
    asked = [
        Column(head="", cells=[change.name for change in changes], least=12, style="dim"),
        Column(head="A", cells=[_text(change.a) for change in changes], least=8),
        Column(head="B", cells=[_text(change.b) for change in changes], least=8),
    ]
    table(screen, asked, indent=2)


def _text(x: Any) -> str:
    return _NONE if x is ABSENT else setting(x)


def _draw_course(screen: Screen, course: Course) -> None:
    screen.line()
    screen.line(Span("Iterations", "bold"))
    both = count(course.common, "iteration")
    if course.first is None:
        screen.line(f"  {both} of both: equal, bit for bit" if course.common else "  none of both")
    else:
        screen.line(f"  first difference at iteration {_value(course.first)}")
        largest = course.largest
        if largest is not None and _share(largest) != _share(course.first):
            screen.line(f"  largest, relatively, at iteration {_value(largest)}")
        screen.line(Span(f"  {count(course.n_different, 'value')} of {both} of both differ", "dim"))
    for letter, n in (("A", course.only_a), ("B", course.only_b)):
        if n:
            screen.line(f"  {count(n, 'iteration')} in {letter} alone")


def _value(found: Difference) -> str:
    a, b = ("nothing" if x is None else setting(x) for x in (found.was, found.now))
    share = _share(found)
    return f"{found.i}: {found.name} {a} against {b}{share and f', relatively {share}'}"


def _share(found: Difference) -> str:
    return "" if found.relative is None else f"{found.relative:.2g}"


def _draw_patch(screen: Screen, lines: Sequence[str]) -> None:
    screen.line()
    screen.line(Span("Changes of the code", "bold"))
    if not lines:
        screen.line("  equal, or recorded of neither")
    for line in lines:
        screen.line(Span(line.rstrip("\n"), _ADDED.get(line[:1], "")))

"""`iterun doctor`: what this machine has, and what would keep a run from working."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli import examine
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.formats import json_text
from iterun.cli.text import pad, width

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iterun.cli.examine import Finding

_MARKS = {"good": "  ", "note": "- ", "bad": "! "}
_STYLES = {"good": "", "note": "warn", "bad": "bad"}


def show(*, outputs: str | None, as_json: bool) -> int:
    """Look, tell, and return the exit status: 1 if something would keep a run from working.

    Args:
        outputs: the folder with the runs; None: where they are by default.
        as_json: one JSON object instead of a page.
    """
    screen = out()
    if as_json:
        found = list(_all(outputs))
        body = [{**vars(finding)} for finding in found]
        screen.raw(json_text({"ok": not _bad(found), "findings": body}) + "\n")
        return 1 if _bad(found) else 0
    err().line(Span("this imports torch and asks the hub: some seconds", "dim"))
    found, part = [], ""
    for finding in _all(outputs):
        if finding.part != part:
            part = finding.part
            screen.line()
            screen.line(Span(part, "bold"))
        found.append(finding)
        _line(screen, finding)
        screen.stream.flush()
    screen.line()
    bad = _bad(found)
    if bad:
        screen.line(Span(f"{count(len(bad), 'problem')}: {', '.join(f.name for f in bad)}", "bad"))
    else:
        screen.line(Span("all that a run needs is here", "good"))
    return 1 if bad else 0


def _all(outputs: str | None) -> Iterator[Finding]:
    yield from examine.versions()
    yield from examine.devices()
    yield from examine.memory_and_disk(outputs)
    yield from examine.runs(outputs)
    yield from examine.systems()
    yield from examine.caches()
    yield from examine.hub()
    yield from examine.models()


def _bad(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.verdict == "bad"]


def _line(screen: Screen, finding: Finding) -> None:
    name = pad(finding.name, max(18, width(finding.name)))
    style = _STYLES[finding.verdict]
    screen.line(
        Span(_MARKS[finding.verdict], style), Span(name, "dim"), "  ", Span(finding.text, style)
    )
    if finding.hint:
        screen.line(" " * 22, Span("hint: ", "accent"), finding.hint)

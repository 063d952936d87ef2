"""What `iterun show` says of a run's tags, note, sweep, parent and forks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.console import Part, Span
from iterun.cli.words import run_word
from iterun.errors import StoreError
from iterun.store import marks

if TYPE_CHECKING:
    from iterun.store.index import Index
    from iterun.store.reader import RunView

_MOST_FORKS = 6


def facts(view: RunView, index: Index) -> list[tuple[str, Part]]:
    """Names and what stands beside them; empty ones are to be left out."""
    record, of_run = view.record, marked(view)
    first, *more = str(of_run["note"] or "").splitlines() or [""]
    sweep = record.sweep or {}
    job = f", job {sweep['job']}" if "job" in sweep else ""
    return [
        ("tags", ", ".join(of_run["tags"])), ("note", first), *(("", line) for line in more),
        *_problem(view),
        ("fork of", _parent(record.parent, index)), ("forks", _forks(view, index)),
        ("sweep", f"{sweep.get('id', '')}{job}" if sweep else ""),
    ]  # fmt: skip


def marked(view: RunView) -> dict[str, Any]:
    """The tags and the note, for `--json` too."""
    try:
        found = marks.of(view)
    except StoreError:
        found = marks.Marks()
    try:
        given = marks.of_config(view.config)
    except StoreError:
        given = []
    return {"tags": found.with_config(given), "note": found.note or None}


def _problem(view: RunView) -> list[tuple[str, Part]]:
    try:
        marks.of(view)
    except StoreError as error:
        return [("marks", Span(f"{error.message}; {error.hint}", "warn"))]
    return []


def _parent(parent: dict[str, Any] | None, index: Index) -> Part:
    if not parent:
        return ""
    name = str(parent["run"])
    try:
        path, _ = index.resolve(name)
    except StoreError:
        return f"{name}@{parent['iteration']}, which is not below {index.outputs}"
    return f"{name}@{parent['iteration']}  (iterun show {run_word(name)}; {path})"


def _forks(view: RunView, index: Index) -> str:
    found = index.forks(view.id)
    shown = [f"{row.id} at {(row.parent or {}).get('iteration')}" for row in found[:_MOST_FORKS]]
    more = f" and {len(found) - _MOST_FORKS} more" if len(found) > _MOST_FORKS else ""
    return ", ".join(shown) + more

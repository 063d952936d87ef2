"""What a run was asked for: its parameters as they were resolved, and the line that was typed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from iterun.errors import StoreError

if TYPE_CHECKING:
    from iterun.store.reader import RunView
    from iterun.store.schema import RunRecord

_ASIDE = ("model", "data", "seed", "about", "objective")  #: said elsewhere


class Parameter(NamedTuple):
    """A parameter of a run."""

    name: str
    value: Any
    is_typed: bool  #: on the command line


def config(view: RunView) -> dict[str, Any]:
    """The resolved config; empty if it can't be read: the summary holds the parameters too."""
    try:
        return view.config
    except StoreError:
        return {}


def parameters(view: RunView) -> list[Parameter]:
    """Each parameter of the system, resolved: what was null is what it became."""
    task, summary = config(view).get("task"), view.summary
    found = dict(task) if isinstance(task, dict) else {}
    if summary:
        found |= summary.parameters
    found |= view.record.resolved
    typed = {word.lstrip("+").partition("=")[0] for word in view.record.command}
    return [
        Parameter(name, value, f"task.{name}" in typed)
        for name, value in found.items()
        if not name.startswith("_") and name not in _ASIDE
    ]


def command(record: RunRecord) -> str:
    """The line that made the run, quoted for a shell; empty if it is not known."""
    words = record.command
    if not words:
        return ""
    return shlex.join(words if words[0] == "iterun" else ["iterun", *words])


def paper(view: RunView) -> tuple[str, str]:
    """Title and arXiv number of the paper, from the run's own config; empty if it names none."""
    task = config(view).get("task")
    about = task.get("about") if isinstance(task, dict) else None
    if not isinstance(about, dict):
        return "", ""
    title, year = (str(about.get(key) or "") for key in ("paper", "year"))
    return f"{title} ({year})" if title and year else title, str(about.get("arxiv") or "")

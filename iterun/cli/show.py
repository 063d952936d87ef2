"""`iterun show RUN`: one run, whole."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from iterun.analysis import facts as known
from iterun.cli import history, lineage, words
from iterun.cli.console import Part, Screen, Span, out
from iterun.cli.figures import age, count, duration, setting, size, value
from iterun.cli.formats import json_text
from iterun.cli.tables import facts, grid
from iterun.cli.text import clean, clip_middle, width, wrap
from iterun.store import paths
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from iterun.store.schema import RunRecord

_MOST_FILES = 12
_MOST_LINES = 100  #: of an error
_NARROWEST = 20  #: cells that a reason is begun in beside the state
_LONGEST = 2000  #: characters of one


def show(name: str, *, outputs: str | None, whole: bool, as_json: bool) -> None:
    """Show a run, an iteration (RUN@7) or a system (task=prune/perp).

    Args:
        name: as `Index.resolve` takes it, or task=SYSTEM.
        outputs: the folder with the runs; None: where they are by default.
        whole: no iteration and no artifact is left out.
        as_json: one JSON object instead.

    Raises:
        StoreError: no run has the name, or it can't be read.
    """
    if name.startswith("task="):
        from iterun.cli import systems

        systems.show(name.removeprefix("task="), as_json=as_json)
        return
    with Index(paths.outputs_root(outputs)) as index:
        directory, iteration = index.resolve(name)
        view, screen = RunView(directory), out()
        if as_json:
            screen.raw(json_text(_object(view)) + "\n")
        elif iteration is not None:
            history.show_one(screen, view, iteration)
        else:
            page(screen, view, index, whole=whole)


def page(screen: Screen, view: RunView, index: Index, *, whole: bool) -> None:
    """Write a run.

    Args:
        screen: where to.
        view: the run.
        index: over the folder that may hold its forks.
        whole: no iteration and no artifact is left out.

    Raises:
        StoreError: it can't be read.
    """
    _header(screen, view, index)
    _section(screen, "Parameters", "* typed on the command line")
    grid(screen, parameters(view))
    history.show(screen, view, whole=whole)
    summary = view.summary
    if summary and summary.result:
        _section(screen, "Result")
        grid(screen, [(name, value(x), False) for name, x in summary.result.items()])
    if summary and summary.costs:
        _section(screen, "Costs", "outside the promise of equal numbers")
        grid(screen, [(name, value(x), False) for name, x in summary.costs.items()])
    _artifacts(screen, view, whole=whole)
    _checkpoints(screen, view)
    _environment(screen, view.record)
    screen.line()
    steps = words.next_steps(view.state, words.run_word(view.id), view.system)
    steps = [*(step for step in steps if "show" not in step), f"iterun show task={view.system}"]
    screen.line(Span("next:", "dim"), *(Span(f"  {step}", "accent") for step in steps))


def _section(screen: Screen, title: str, remark: str = "") -> None:
    screen.line()
    screen.line(Span(title, "bold"), Span(f"   {remark}" if remark else "", "dim"))


def _header(screen: Screen, view: RunView, index: Index) -> None:
    from iterun.cli import systems

    record, status, state = view.record, view.status, view.state
    summary = view.summary
    iterations = summary.iterations if summary else status.iteration
    why = words.reason(state, status.reason, iterations, summary.costs if summary else {})
    why = "" if state == "failed" else clean(why)
    room = screen.width - width(clean(f"{record.system}  {record.id}  {state}  "))
    first = wrap(why, room)[0] if room >= _NARROWEST else ""
    screen.line(
        Span(record.system, "bold"), "  ", Span(record.id, "bold"), "  ",
        Span(state, words.STYLES.get(state, "")), f"  {first}" if first else "",
    )  # fmt: skip
    if rest := why.removeprefix(first).strip():
        screen.prose(rest, indent="  ")
    if status.error:
        first, *more = status.error.splitlines() or [""]
        screen.line(Span("error: ", "alarm"), first[:_LONGEST])
        for line in more[:_MOST_LINES]:
            screen.line("       ", line[:_LONGEST])
        if len(more) > _MOST_LINES:
            screen.line(Span(f"       and {len(more) - _MOST_LINES:,} more lines", "dim"))
    if (view.directory / paths.LOG).is_file():
        screen.line(Span("log: ", "dim"), str(view.directory / paths.LOG))
    if paper := systems.paper_of(record.system):
        screen.line(Span(paper, "dim"))
    screen.line(Span(clip_middle(str(view.directory), screen.width), "dim"))
    screen.line()
    facts(screen, _facts(view, record, index))


def _facts(view: RunView, record: RunRecord, index: Index) -> list[tuple[str, Part]]:
    status, summary = view.status, view.summary
    since = datetime.fromisoformat(record.created)
    ago = age(time.time() - since.timestamp())
    took = f", took {duration(summary.seconds)}" if summary else ""
    attempts = f" in {count(status.attempt, 'attempt')}" if status.attempt > 1 else ""
    threads = f", {count(record.threads, 'thread')}" if record.device == "cpu" else ""
    pairs: list[tuple[str, Part]] = [
        ("model", record.model or ""), ("data", record.data or ""), ("seed", str(record.seed)),
        ("started", f"{since:%Y-%m-%d %H:%M:%S} ({ago} ago){took}{attempts}"),
        ("device", f"{record.device} {record.dtype}{threads}, host {record.host}"),
        ("command", _typed(record)), *lineage.facts(view, index),
    ]  # fmt: skip
    return [(name, part) for name, part in pairs if part]


def _typed(record: RunRecord) -> str:
    words_ = record.command
    return "iterun " + " ".join(words_) if words_ and words_[0] != "iterun" else " ".join(words_)


def parameters(view: RunView) -> list[tuple[str, str, bool]]:
    """(name, value, whether it was typed) of each parameter, resolved."""
    return [(p.name, setting(p.value), p.is_typed) for p in known.parameters(view)]


def _artifacts(screen: Screen, view: RunView, *, whole: bool) -> None:
    files = view.artifacts()
    if not files:
        return
    sizes = [path.lstat().st_size for path in files]
    root = view.directory / paths.ARTIFACTS
    _section(
        screen,
        "Artifacts",
        f"{count(len(files), 'file')}, {size(sum(sizes))}, below {paths.ARTIFACTS}/",
    )
    most = len(files) if whole else _MOST_FILES
    shown = list(zip(files, sizes, strict=True))[:most]
    facts(screen, [(path.relative_to(root).as_posix(), size(n)) for path, n in shown])
    if len(files) > most:
        screen.line(Span(f"  and {len(files) - most} more; --all lists them", "dim"))


def _checkpoints(screen: Screen, view: RunView) -> None:
    found = view.checkpoints()
    if not found:
        return
    _section(screen, "Checkpoints")
    shown = found if len(found) <= _MOST_FILES else [*found[:3], None, *found[-6:]]
    screen.line("  ", "  ".join("…" if i is None else str(i) for i in shown))


def _environment(screen: Screen, record: RunRecord) -> None:
    git = record.git or {}
    commit = str(git.get("commit") or "")[:12]
    dirty = f" + {git.get('patch') or 'changes'}" if git.get("dirty") else ""
    pairs = [
        ("iterun", record.version), ("python", record.python), ("git", commit + dirty),
        *record.packages.items(), *record.environment.items(),
    ]  # fmt: skip
    _section(screen, "Environment")
    grid(screen, [(name, text, False) for name, text in pairs if text])


def _object(view: RunView) -> dict[str, Any]:
    summary = view.summary
    return {
        **view.record.to_json(), **lineage.marked(view),
        "directory": str(view.directory), "state": view.state,
        "status": view.status.to_json(), "summary": summary.to_json() if summary else None,
        "config": known.config(view), "iterations": [line.to_json() for line in view.iterations()],
        "checkpoints": view.checkpoints(),
        "artifacts": [path.relative_to(view.directory).as_posix() for path in view.artifacts()],
    }  # fmt: skip

"""The iterations of a run on `iterun show`: the objective's course, and a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.cli.console import Screen, Span
from iterun.cli.figures import column, count, duration, value
from iterun.cli.spark import sparkline
from iterun.cli.tables import Column, grid, table
from iterun.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.reader import RunView
    from iterun.store.schema import Iteration

_SHOWN = 16  #: rows of a table; more are elided in the middle
_HEAD = 6  #: of them from the beginning


def show(screen: Screen, view: RunView, *, whole: bool) -> None:
    """The objective as a sparkline, then a table of the metrics."""
    found = view.iterations()
    screen.line()
    screen.line(Span("Iterations", "bold"), Span(_remark(found, view), "dim"))
    if not found:
        screen.line(Span("  none yet", "dim"))
        return
    best = _course(screen, view, found)
    kept = found if whole or len(found) <= _SHOWN else _elided(found, best)
    asked = _columns(kept, _objective(view).get("metric"), best)
    drawn = table(screen, asked, indent=2)
    if left_out := [one.head for one in asked if one not in drawn]:
        screen.line(Span(f"  no room for {', '.join(left_out)}; --json has them", "dim"))


def _remark(found: Sequence[Iteration], view: RunView) -> str:
    has_best = len(found) > 2 and view.summary is not None and view.summary.best is not None
    return f"   {count(len(found), 'line')}" + (", * the best one" if has_best else "")


def show_one(screen: Screen, view: RunView, i: int) -> None:
    """All that is recorded of one iteration.

    Raises:
        StoreError: the run has no such iteration.
    """
    found = view.iterations()
    line = next((line for line in found if line.i == i), None)
    if line is None:
        last = f"its last one is {found[-1].i}" if found else "it has none yet"
        raise StoreError(f"{view.id} has no iteration {i}: {last}", hint=f"iterun show {view.id}")
    screen.line(Span(f"{view.system}  {view.id}@{i}", "bold"), f"  took {duration(line.seconds)}")
    for title, pairs in (("Metrics", line.metrics), ("Costs", line.cost), ("Labels", line.labels)):
        if pairs:
            screen.line()
            screen.line(Span(title, "bold"))
            grid(screen, [(name, value(x), False) for name, x in pairs.items()])
    if line.files:
        screen.line()
        screen.line(Span("Files", "bold"))
        for name in line.files:
            screen.line("  ", name)


def _objective(view: RunView) -> dict[str, Any]:
    return view.record.objective or {}


def _course(screen: Screen, view: RunView, found: Sequence[Iteration]) -> int | None:
    """Draw the objective's course; the iteration where it is best."""
    metric, best = _objective(view).get("metric"), view.summary.best if view.summary else None
    # The baseline is what the others are compared with, and may be far from them.
    values = [line.metrics[metric] for line in found if line.i > 0 and metric in line.metrics]
    if metric is None or len(values) < 2:
        return best["i"] if best else None
    drawn = sparkline(values, max(10, min(screen.width - 50, 80)), unicode=screen.unicode)
    text = f"  {value(values[0])} → {value(values[-1])}"
    text += f", best {value(best['value'])} at {best['i']}" if best else ""
    screen.line("  ", Span(metric, "accent"), "  ", Span(drawn, "accent"), text)
    return best["i"] if best else None


def _elided(found: Sequence[Iteration], best: int | None) -> list[Iteration | None]:
    """The first and the last ones; None where some are left out; the best one in any case."""
    tail = len(found) - (_SHOWN - _HEAD)
    middle = [line for line in found[_HEAD:tail] if line.i == best]
    return [*found[:_HEAD], None, *([*middle, None] if middle else []), *found[tail:]]


def _columns(
    kept: Sequence[Iteration | None], metric: str | None, best: int | None
) -> list[Column]:
    """i, the metrics (the objective first), labels, seconds."""
    lines = [line for line in kept if line is not None]
    names = list(dict.fromkeys(name for line in lines for name in line.metrics))
    names.sort(key=lambda name: name != metric)
    styles = ["good" if line is not None and line.i == best else "" for line in kept]
    marks = ["… " if x is None else f"{x.i}*" if x.i == best else f"{x.i} " for x in kept]
    columns = [Column(head="i ", cells=marks, right=True)]
    for n, name in enumerate(names):
        cells = column([None if x is None else x.metrics.get(name) for x in kept])
        columns.append(Column(head=name, cells=cells, right=True, drop=n, styles=styles))
    for name in dict.fromkeys(name for line in lines for name in line.labels):
        cells = ["" if x is None else x.labels.get(name, "") for x in kept]
        columns.append(Column(head=name, cells=cells, least=6, drop=len(names)))
    took = ["" if x is None else duration(x.seconds) for x in kept]
    return [*columns, Column(head="took", cells=took, right=True, drop=len(names) + 1, style="dim")]

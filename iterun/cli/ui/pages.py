"""Screens full of text: a run whole, a plot, a comparison. Made of what the commands print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.cli import history, show
from iterun.cli.console import Span
from iterun.cli.figures import count
from iterun.errors import ConfigError
from iterun.store.index import Index
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.cli.ui.paper import Paper
    from iterun.store.rows import Row

VIEWS = ("run", "iterations", "log")
_LOG = 1 << 18  #: bytes of the log's end that are shown
_MOST_PLOTTED = 200  #: runs of one plot
_BESIDE = 4  #: rows of a panel's title, axis and distance
_LEAST = 6  #: rows of a panel
_MOST_METRICS = 3  #: panels that share a screen
MOST_COMPARED = 200  #: settings of a system


def run(paper: Paper, row: Row, outputs: Path, view: str) -> None:
    """A run whole, all its iterations, or its log.

    Raises:
        StoreError: it is gone, or can't be read.
    """
    found = RunView(row.path)
    if view == "iterations":
        paper.line(Span(found.system, "bold"), "  ", Span(found.id, "bold"))
        history.show(paper, found, whole=True)
    elif view == "log":
        text = found.log(_LOG)
        paper.line(Span("log.txt", "bold"), Span(f"  of {found.id}", "dim"))
        paper.line()
        paper.raw(text)
        if not text:
            paper.line(Span("nothing was logged", "dim"))
    else:
        with Index(outputs) as index:
            show.page(paper, found, index, whole=False)


@dataclass(frozen=True)
class Drawing:
    """How a plot is drawn."""

    metrics: tuple[str, ...] = ()  #: none: the objective and its other arms
    x: str = "iteration"
    log_x: bool = False
    log_y: bool = False
    each: bool = False


def plot(paper: Paper, rows: Sequence[Row], how: Drawing, height: int) -> None:
    """The curves of runs, over `height` rows.

    Raises:
        StoreError: a run can't be read.
        ConfigError: there is nothing to draw.
    """
    from iterun.analysis import log_axes, plotted
    from iterun.cli import terminal_plot

    taken = rows[:_MOST_PLOTTED]
    if not how.metrics and not any(row.objective for row in taken):
        raise ConfigError("these runs have no objective", hint="m chooses what to plot")
    found = plotted.plot(
        taken, how.metrics, x=how.x, each=how.each, detail=terminal_plot.DETAIL
    )  # fmt: skip
    found = log_axes.on_log_axes(found, x=how.log_x, y=how.log_y)
    found.panels = [panel for panel in found.panels if any(len(n.i) for n in panel.lines)]
    if not found.panels:
        raise ConfigError("no iteration of these runs has it", hint="m chooses another metric")
    legend = min(len(found.labels) + 2, height // 3)
    panels = min(len(found.panels), _MOST_METRICS)
    room = (height - legend - 1) // panels - _BESIDE
    terminal_plot.show(paper, found, rows=max(room, _LEAST))
    remarks = list(found.remarks)
    if len(rows) > len(taken):
        remarks.append(f"the first {len(taken)} of {count(len(rows), 'run')}")
    for remark in remarks:
        paper.remark(remark)


def metrics(rows: Sequence[Row]) -> list[str]:
    """What can be plotted of these runs."""
    from iterun.analysis import curves

    names = curves.names(rows[:_MOST_PLOTTED])
    objectives = {row.objective.get("metric") for row in rows if row.objective}
    return sorted(names, key=lambda name: name not in objectives)


@dataclass(frozen=True)
class Comparing:
    """How runs are compared."""

    grouped: bool = True
    all_states: bool = False
    metrics: tuple[str, ...] = ()
    baseline: Row | None = None  #: what each setting is tested against


def compare(paper: Paper, rows: Sequence[Row], how: Comparing) -> None:
    """Settings side by side.

    Raises:
        StoreError: a run can't be read.
        ConfigError: a metric that no run has, or a baseline that nothing can be tested against.
    """
    from iterun.analysis import baseline
    from iterun.analysis.compare import compare
    from iterun.cli import compare_table

    found = compare(
        rows, metrics=how.metrics, all_states=how.all_states, grouped=how.grouped
    )  # fmt: skip
    if how.baseline is not None:
        found.against = baseline.by_run(found, how.baseline, how.baseline.id)
    remarks = compare_table.draw(paper, found, found.ranked(), [], most=MOST_COMPARED)
    paper.line()
    for remark in (*found.remarks, *remarks):
        paper.remark(remark)

"""What is said beside the table of the run under the cursor."""

from __future__ import annotations

import itertools
import time
from math import isfinite
from typing import TYPE_CHECKING

from iterun.cli import words
from iterun.cli.console import Part, Span
from iterun.cli.figures import age, duration, setting, value
from iterun.cli.spark import sparkline
from iterun.cli.tables import grid
from iterun.cli.text import clean, wrap
from iterun.cli.ui.paper import Paper
from iterun.store.columns import read_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from iterun.cli.ui.paper import Line
    from iterun.store.rows import Row

_WIDE = 60  #: cells from which the course and its numbers share a line
_ASIDE = ("model", "data", "seed")  #: said apart
_NOTE_LINES = 4
_MOST = 100  #: names of one kind


def course(row: Row) -> list[float]:
    """The objective, iteration by iteration, without the baseline.

    Raises:
        StoreError: the iterations can't be read.
    """
    metric = (row.objective or {}).get("metric")
    if not isinstance(metric, str):
        return []
    found = read_columns(row.path, [metric])
    pairs = zip(found.i, found.values[metric], strict=True)
    return [x for i, x in pairs if x is not None and i > 0]


def lines(row: Row, width: int, drawn: Sequence[float] | None) -> list[Line]:
    """A run in short.

    Args:
        row: the run.
        width: cells of a line.
        drawn: the course of its objective; None: not read yet.
    """
    paper = Paper(width)
    _head(paper, row)
    _course(paper, row, drawn)
    _words(paper, row)
    chosen = {k: v for k, v in row.parameters.items() if k not in _ASIDE}
    _grid(paper, "last", row.last, value)
    _grid(paper, "parameters", chosen, setting)
    _grid(paper, "result", row.result, value)
    _grid(paper, "costs", row.costs, value)
    if row.host:
        paper.line(Span("host ", "dim"), row.host)
    return paper.lines


def _head(paper: Paper, row: Row) -> None:
    why = words.reason(row.state, row.reason, row.iterations, row.costs)
    paper.line(
        Span(row.system, "bold"), "  ", Span(row.id, "bold"), "  ",
        Span(row.state, words.STYLES.get(row.state, "")), f"  {why}" if why else "",
    )  # fmt: skip
    took = f"took {duration(row.seconds)}" if row.seconds is not None else ""
    parts = (row.model, row.data, f"seed {row.seed}", f"{age(time.time() - row.stamp)} ago", took)
    paper.line(Span(" · ".join(clean(part) for part in parts if part), "dim"))
    if row.error:
        first = row.error.splitlines()[:1] or [""]
        for n, line in enumerate(wrap(clean(first[0]), max(paper.width - 7, 10))[:3]):
            paper.line(Span("error: " if n == 0 else " " * 7, "alarm"), line)


def _course(paper: Paper, row: Row, drawn: Sequence[float] | None) -> None:
    metric = (row.objective or {}).get("metric")
    if not metric:
        return
    name = Span(f"{metric} ", "accent")
    last, best = row.last.get(metric), row.best
    if drawn:
        text = f"{value(drawn[0])} → {value(drawn[-1])}"
    else:
        text = value(last) if last is not None else "" if drawn is None else "nothing yet"
    text += f", best {value(best['value'])} at {best['i']}" if best else ""
    if not drawn or len(drawn) < 2:
        paper.line(name, text)
        return
    room = max(paper.width - len(clean(str(metric))) - 2, 8)
    beside = room - len(text) - 1 if paper.width >= _WIDE else room
    blocks = Span(sparkline(drawn, max(min(beside, 60), 8)), "accent")
    if paper.width >= _WIDE:
        paper.line(name, blocks, f" {text}")
    else:
        paper.line(name, blocks)
        paper.line(f"  {text}")
    if bad := sum(not isfinite(x) for x in drawn):
        paper.line(Span(f"  {bad} of {len(drawn)} not finite", "bad"))


def _words(paper: Paper, row: Row) -> None:
    facts: list[Part] = []
    if row.tags:
        facts += [Span("tags ", "dim"), Span(", ".join(row.tags), "warn"), "  "]
    if row.parent:
        at = f"{row.parent.get('run')}@{row.parent.get('iteration')}"
        facts += [Span("fork of ", "dim"), at, "  "]
    if row.sweep:
        facts += [Span("sweep ", "dim"), str(row.sweep.get("id", ""))]
    if facts:
        paper.line(*facts)
    found = [line for raw in (row.note or "").splitlines()
             for line in wrap(clean(raw), max(paper.width - 5, 10))]  # fmt: skip
    for n, line in enumerate(found[:_NOTE_LINES]):
        more = " …" if n == _NOTE_LINES - 1 and len(found) > _NOTE_LINES else ""
        paper.line(Span("note " if n == 0 else " " * 5, "dim"), line, more)


def _grid(paper: Paper, title: str, pairs: Mapping[str, Any], said: Callable[[Any], str]) -> None:
    if not pairs:
        return
    more = f"  {_MOST} of {len(pairs)}" if len(pairs) > _MOST else ""
    paper.line(Span(f"{title}{more}", "dim"))
    shown = itertools.islice(pairs.items(), _MOST)
    grid(paper, [(str(name), said(x), False) for name, x in shown], indent=0)

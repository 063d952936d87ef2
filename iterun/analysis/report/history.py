"""The iterations of a run as a table of texts, and each metric's course as a small curve."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from iterun.analysis.numbers import column, duration, value
from iterun.analysis.report import drawing
from iterun.analysis.report.listing import clip
from iterun.store.encoding import as_float

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.store.schema import Iteration

MOST_LINES = 200  #: of a table; more are thinned
ENDS = 50  #: that stay at the beginning and at the end
MOST_COLUMNS = 40
MOST_SPARKS = 16


@dataclass
class Spark:
    """A metric's course."""

    name: str
    first: str
    last: str
    range: str  #: "25.5 to 110": the least and the largest finite value
    drawn: drawing.Line | None  #: None with fewer than two finite values


@dataclass
class History:
    """What stands under "Iterations"."""

    heads: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    best: int | None = None  #: the row of the best iteration
    total: int = 0
    sparks: list[Spark] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  #: columns beyond the bound


def read(lines: Sequence[Iteration], objective: str | None, best: int | None) -> History:
    """Tell the course of a run.

    Args:
        lines: its iterations.
        objective: the metric that comes first.
        best: the best iteration.
    """
    names = list(dict.fromkeys(name for line in lines for name in line.metrics))
    names.sort(key=lambda name: name != objective)
    sparks = [_spark(name, lines) for name in names[:MOST_SPARKS]]
    found = History(total=len(lines), sparks=sparks, left_out=names[MOST_COLUMNS:])
    kept = thin(lines, best)
    _fill(found, kept, names[:MOST_COLUMNS])
    found.best = next((n for n, line in enumerate(kept) if line.i == best), None)
    return found


def thin(lines: Sequence[Iteration], best: int | None) -> list[Iteration]:
    """All of a short run; of a long one both ends, the best, and evenly spread ones between."""
    if len(lines) <= MOST_LINES:
        return list(lines)
    middle = lines[ENDS : len(lines) - ENDS]
    step = -(-len(middle) // (MOST_LINES - 2 * ENDS))
    kept = [line for n, line in enumerate(middle) if n % step == step - 1 or line.i == best]
    return [*lines[:ENDS], *kept, *lines[len(lines) - ENDS :]]


def _fill(found: History, kept: Sequence[Iteration], names: Sequence[str]) -> None:
    columns = [[str(line.i) for line in kept]]
    heads = ["i"]
    for name in names:
        heads.append(name)
        columns.append(column([line.metrics.get(name) for line in kept]))
    for name in list(dict.fromkeys(n for line in kept for n in line.cost))[:MOST_COLUMNS]:
        heads.append(name)
        columns.append(column([line.cost.get(name) for line in kept]))
    for name in list(dict.fromkeys(n for line in kept for n in line.labels))[:MOST_COLUMNS]:
        heads.append(name)
        columns.append([clip(line.labels.get(name, "")) for line in kept])
    heads.append("took")
    columns.append([duration(line.seconds) for line in kept])
    found.heads = heads
    found.rows = [list(cells) for cells in zip(*columns, strict=True)]


def _spark(name: str, lines: Sequence[Iteration]) -> Spark:
    points = [(line.i, as_float(line.metrics[name])) for line in lines if name in line.metrics]
    finite = [y for _, y in points if isfinite(y)]
    span = f"{value(min(finite))} to {value(max(finite))}" if finite else "not finite"
    return Spark(name, value(points[0][1]), value(points[-1][1]), span, drawing.spark(points))

"""A plot as lines of text: axes, lines that letters tell apart, a legend."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np

from iterun.analysis.numbers import column, count, value
from iterun.analysis.plotted import ITERATION, Detail
from iterun.cli import ticks
from iterun.cli.axis import Axis
from iterun.cli.canvas import Canvas
from iterun.cli.console import Part, Screen, Span
from iterun.cli.tables import Column, table
from iterun.cli.text import clean, clip, pad, width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iterun.analysis.plotted import Ahead, Line, Panel, Plot

    Floats = NDArray[np.float64]

STYLES = ("accent", "warn", "live", "good", "violet", "bad")  #: of the lines
MARKS = ascii_uppercase + ascii_lowercase
_MARKED = 5  #: marks on a line
_MOST_LISTED = 40  #: lines in a legend
DETAIL = Detail(points=200, lines=6)  #: of more lines no band can be seen
_WIDEST_LABELS = 12  #: cells of the y axis's numbers


def show(screen: Screen, plot: Plot, *, rows: int) -> None:
    """Write all panels and the legend.

    Args:
        screen: where to.
        plot: with at least one line.
        rows: cells of a panel's height, its axis not counted.
    """
    labels = plot.labels
    for n, panel in enumerate(plot.panels):
        if n:
            screen.line()
        for parts in panel_lines(plot, panel, screen.width, rows, unicode=screen.unicode):
            screen.line(*parts)
    screen.line()
    _legend(screen, plot, labels)
    if plot.law_label:
        screen.line(Span(f"  dashed: {plot.law_label}", "dim"))


def panel_lines(
    plot: Plot, panel: Panel, columns: int, rows: int, *, unicode: bool
) -> list[list[Part]]:
    """One panel: title, canvas with its axes, numbers below."""
    aheads = [line.ahead for line in panel.lines if line.ahead is not None]
    sizes = [*(line.x for line in panel.lines), *(ahead.x for ahead in aheads)]
    across = _axis(sizes, is_log=plot.log_x, margin=0.0)
    across.is_whole = plot.x == ITERATION
    bounds = [v for line in panel.lines for v in (line.y, line.low, line.high)]
    bounds += [v for ahead in aheads for v in (ahead.y, ahead.low, ahead.high)]
    down = _axis(bounds, is_log=plot.log_y, margin=0.04)
    marks = down.ticks(max(2, rows // 4 + 1))
    places = ((1 - down.share(np.array(marks))) * rows).astype(int)
    at = dict(zip(np.minimum(places, rows - 1).tolist(), ticks.labels(marks), strict=True))
    room = min(max(map(len, at.values()), default=1), _WIDEST_LABELS)
    canvas = Canvas(max(columns - room - 2, 8), rows, unicode=unicode)
    _draw(canvas, plot, panel, across, down)
    tick, bar = ("┤", "│") if unicode else ("+", "|")
    lines: list[list[Part]] = [_title(plot, panel, room)]
    for k, spans in enumerate(canvas.lines(_styles(plot))):
        label = pad(clip(at.get(k, ""), room), room, right=True)
        lines.append([Span(f"{label} {tick if k in at else bar}", "dim"), *spans])
    return [*lines, *_below(plot, across, canvas.columns, room, unicode=unicode)]


def _axis(values: list[Floats], *, is_log: bool, margin: float) -> Axis:
    together = np.concatenate(values) if values else np.empty(0)
    return Axis.over(together, is_log=is_log, margin=margin)


def _title(plot: Plot, panel: Panel, room: int) -> list[Part]:
    remarks = [{"min": "lower is better", "max": "higher is better"}.get(panel.goal, "")]
    remarks.append("logarithmic" if plot.log_y else "")
    said = ", ".join(remark for remark in remarks if remark)
    return [" " * (room + 2), Span(panel.metric, "bold"), Span(f"  {said}" if said else "", "dim")]


def _draw(canvas: Canvas, plot: Plot, panel: Panel, across: Axis, down: Axis) -> None:
    labels = plot.labels
    numbers = [labels.index(line.label) for line in panel.lines]
    at = [(across.share(line.x), down.share(line.y)) for line in panel.lines]
    for line, number in zip(panel.lines, numbers, strict=True):
        x, low, high = line.band
        canvas.band(across.share(x), down.share(low), down.share(high), number)
        if line.ahead is not None:
            _ahead(canvas, line.ahead, number, across, down)
    for number, (x, y) in zip(numbers, at, strict=True):
        canvas.line(x, y, number)
    for k, (number, (x, y)) in enumerate(zip(numbers, at, strict=True)):
        if number < len(MARKS):
            _mark(canvas, x, y, number, (k + 0.5) / len(numbers), alone=len(labels) == 1)


def _ahead(canvas: Canvas, ahead: Ahead, number: int, across: Axis, down: Axis) -> None:
    """A forecast: its band, and dashes of two cells with as much between them."""
    x = across.share(ahead.x)
    if ahead.has_band:
        canvas.band(x, down.share(ahead.low), down.share(ahead.high), number)
    places = (np.arange(canvas.columns * 2) + 0.5) / (canvas.columns * 2)  # dots
    places = places[(places >= x[0]) & (places <= x[-1])]
    y = np.interp(places, x, down.share(ahead.y))
    is_gap = (places * canvas.columns).astype(int) // 2 % 2 == 1
    canvas.line(places, np.where(is_gap, np.nan, y), number)


def _mark(canvas: Canvas, x: Floats, y: Floats, number: int, phase: float, *, alone: bool) -> None:
    """Letters along a line, and at points without neighbours, which a dot hardly shows."""
    has = np.isfinite(x) & np.isfinite(y)
    lonely = has & ~np.append(has[1:], False) & ~np.append(False, has[:-1])
    for k in np.flatnonzero(lonely).tolist():
        canvas.mark(float(x[k]), float(y[k]), MARKS[number], number)
    if alone or has.sum() < 2:
        return
    step = canvas.columns / _MARKED
    for place in np.arange(_MARKED) * step + phase * step:
        for shift in (0, 1, -1, 2, -2, 3, -3):
            share = (place + shift + 0.5) / canvas.columns
            near = int(np.argmin(np.where(has, np.abs(x - share), np.inf)))
            other = _partner(x, has, near, share)
            if other is None:
                continue
            a, b = float(x[near]), float(x[other])
            part = (share - a) / (b - a) if b != a else 0.0
            if canvas.mark(
                share, float(y[near] + part * (y[other] - y[near])), MARKS[number], number
            ):
                break


def _partner(x: Floats, has: NDArray[np.bool_], k: int, share: float) -> int | None:
    """The neighbour of point k on the other side of a position; None: a gap or the end."""
    for other in (k - 1, k + 1):
        if 0 <= other < len(x) and has[other] and min(x[k], x[other]) <= share <= max(
            x[k], x[other]
        ):  # fmt: skip
            return other
    return None


def _below(plot: Plot, axis: Axis, cells: int, room: int, *, unicode: bool) -> list[list[Part]]:
    """The x axis: a line with ticks, their numbers, the name at the right."""
    corner, dash, tick = ("└", "─", "┬") if unicode else ("+", "-", "+")
    found = axis.ticks(max(2, cells // 12))
    line, numbers = [dash] * cells, [" "] * (cells + room + 2)
    name = plot.x + (", logarithmic" if plot.log_x else "")
    name = {"seconds": "seconds since the beginning"}.get(name, name)
    last = 0
    for share, text in zip(axis.share(np.array(found)), ticks.labels(found), strict=True):
        place = min(max(int(share * cells), 0), cells - 1)
        line[place] = tick
        start = min(max(room + 2 + place - len(text) // 2, 0), len(numbers) - len(text))
        if start >= last:
            numbers[start : start + len(text)] = text
            last = start + len(text) + 1
    ruler: list[Part] = [Span(" " * (room + 1) + corner + "".join(line), "dim")]
    return [ruler, *_with_name("".join(numbers), clip(clean(name), cells))]


def _with_name(numbers: str, name: str) -> list[list[Part]]:
    """The name of the axis in the last gap between its numbers that has room; else below them."""
    room = width(name) + 2
    after = numbers.rfind(" " * room)
    if after >= 0 and numbers[:after].strip():
        rest = numbers[after + room :]
        shift = len(rest) - len(rest.lstrip()) if rest.strip() else len(rest)
        gap = numbers[: after + room + shift].rstrip()
        free = after + room + shift - len(gap)
        before = (free - width(name)) // 2 if rest.strip() else free - width(name)
        text = f"{gap}{' ' * before}{name}"
        return [[Span(pad(text, after + room + shift) + rest.lstrip(), "dim")]]
    return [[Span(numbers.rstrip(), "dim")], [Span(pad(name, len(numbers), right=True), "dim")]]


def _legend(screen: Screen, plot: Plot, labels: list[str]) -> None:
    shown = labels[:_MOST_LISTED]
    first = _first(plot)
    styles = _styles(plot)[: len(shown)]
    marks = [MARKS[n] if n < len(MARKS) else "" for n in range(len(shown))]
    columns = [
        Column(head="", cells=marks if len(labels) > 1 else [""] * len(shown), styles=styles),
        Column(head="", cells=shown, least=12, styles=styles),
        Column(head="", cells=[_who(first[label]) for label in shown], drop=2, style="dim"),
    ]
    for n, panel in enumerate(plot.panels):
        lines = {line.label: line for line in panel.lines}
        cells = _last([lines.get(label) for label in shown])
        columns.append(Column(head=f"last {panel.metric}", cells=cells, drop=3 + n))
    kept = [c for c in columns if any(c.cells)]
    table(screen, kept, indent=2)
    if len(labels) > len(shown):
        screen.line(Span(f"  and {count(len(labels) - len(shown), 'line')} more", "dim"))


def _first(plot: Plot) -> dict[str, Line]:
    """A line of each label."""
    first: dict[str, Line] = {}
    for panel in plot.panels:
        for line in panel.lines:
            first.setdefault(line.label, line)
    return first


def _styles(plot: Plot) -> list[str]:
    """The colour of each label: that of its setting."""
    groups = plot.groups
    return [STYLES[groups.index(line.group) % len(STYLES)] for line in _first(plot).values()]


def _who(line: Line) -> str:
    if len(line.runs) == 1:
        return f"{line.runs[0]}, seed {line.seeds[0]}"
    return f"{len(line.runs)} seeds"


def _last(lines: list[Line | None]) -> list[str]:
    """The last value of each line, with its interval and where it stands."""
    cells = []
    ends = [None if line is None or not len(line.y) else line for line in lines]
    means = column([None if line is None else float(line.y[-1]) for line in ends])
    alike = len({int(line.i[-1]) for line in ends if line is not None}) == 1
    for line, mean in zip(ends, means, strict=True):
        text = mean
        if line is not None and np.isfinite(line.low[-1]):
            text += f" [{value(float(line.low[-1]))}, {value(float(line.high[-1]))}]"
        if line is not None and not alike:
            text += f" at {int(line.i[-1])}"
        cells.append(text)
    return cells

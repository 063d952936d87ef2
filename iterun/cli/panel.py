"""The live display's lines: iterations, inner loop, metrics, machine. Pure: no terminal here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

from iterun.cli import stopping
from iterun.cli.console import Part, Span
from iterun.cli.figures import count, duration, size, value
from iterun.cli.spark import bar, sparkline
from iterun.cli.text import clean, clip, pad, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.tracker import Tracker

_LONGEST_NAME = 28
_WIDEST_BAR = 40
_MOST_METRICS = 12


class Row(NamedTuple):
    """A name, what stands behind it, and a drawing."""

    name: str
    value: str
    series: list[float] | None = None  # drawn as a sparkline
    share: float | None = None  # drawn as a bar
    remark: str = ""
    style: str = ""


def heading(tracker: Tracker, directory: str) -> list[list[Part]]:
    """Two lines that stay: what runs, and where."""
    record = tracker.record
    if record is None:
        return []
    parts: list[Part] = [Span(record.system, "bold")]
    for text in (record.model, record.data, f"seed {record.seed}", place(tracker)):
        parts += [Span("  ", ""), text or ""] if text else []
    return [parts, [Span(directory, "dim")]]


def place(tracker: Tracker) -> str:
    """Device, dtype and threads: "cpu float32, 2 threads"."""
    record = tracker.record
    if record is None:
        return ""
    threads = f", {count(record.threads, 'thread')}" if record.device == "cpu" else ""
    return f"{record.device} {record.dtype}{threads}"


def lines(tracker: Tracker, columns: int, rows: int, *, unicode: bool = True) -> list[list[Part]]:
    """What is drawn anew several times a second, at most `rows` lines of `columns` cells."""
    shown = [*_progress(tracker), *metrics(tracker, max(1, min(_MOST_METRICS, rows - 5)))]
    return [*table(shown, columns, unicode=unicode), _machine(tracker, columns)]


def table(shown: Sequence[Row], columns: int, *, unicode: bool) -> list[list[Part]]:
    """Rows under one another, their bars and sparklines as wide as there is room."""
    names = min(max(width(row.name) for row in shown), _LONGEST_NAME)
    values = max(width(row.value) for row in shown)
    remarks = max(width(row.remark) for row in shown)
    room = columns - names - values - remarks - 9
    drawn = max(0, min(room, _WIDEST_BAR))
    return [_line(row, names, values, drawn, unicode=unicode) for row in shown]


def _line(row: Row, names: int, values: int, cells: int, *, unicode: bool) -> list[Part]:
    parts: list[Part] = [
        "  ",
        pad(clip(row.name, names), names),
        "  ",
        Span(pad(row.value, values, right=True), row.style),
    ]
    if cells >= 5 and row.share is not None:
        full, rest = bar(row.share, cells, unicode=unicode)
        parts += ["  ", Span(full, "accent"), Span(rest, "dim")]
    elif cells >= 5:
        drawn = sparkline(row.series or [], cells, unicode=unicode)
        shown = pad(drawn, cells) if row.remark else drawn
        parts += ["  ", Span(shown, "accent" if row.style else "")]
    return [*parts, "  ", Span(row.remark, "dim")] if row.remark else parts


def _progress(tracker: Tracker) -> list[Row]:
    """The iterations, and the loop inside if one tells of itself."""
    i, length = tracker.i or 0, tracker.length
    rows = []
    if tracker.record is None:
        rows.append(Row("starting", "", remark=duration(tracker.clock() - tracker.began)))
    else:
        left = tracker.seconds_left()
        remark = duration(tracker.clock() - tracker.started)
        remark += f", {duration(left)} left" if left is not None else ""
        value = f"{i}/{length}" if length is not None else str(i)
        share = i / length if length else None
        rows.append(Row("iteration", value, share=share, remark=remark))
    if inner := tracker.inner:
        value = f"{inner.done}/{inner.total}" if inner.total is not None else str(inner.done)
        share = inner.done / inner.total if inner.total else None
        spent = tracker.clock() - inner.since
        known = inner.total is not None and inner.done > 0 and spent > 2.0
        left = spent / inner.done * (inner.total - inner.done) if known and inner.total else None
        remark = f"{duration(left)} left" if left else ""
        rows.append(Row(clean(inner.label), value, share=share, remark=remark))
    return rows


def metrics(tracker: Tracker, most: int) -> list[Row]:
    """The objective first, then the others in the order in which they came, then labels."""
    series = list(tracker.series.items())
    series.sort(key=lambda item: item[0] != tracker.metric)
    rows = []
    for name, one in series:
        is_objective = name == tracker.metric
        best = tracker.best if is_objective else None
        remark = f"best {value(best.value)} at {best.i}" if best else ""
        points = list(one.points)
        rows.append(
            Row(clean(name), value(one.last), series=points if len(points) > 1 else None,
                 remark=remark, style="head" if is_objective else "")
        )  # fmt: skip
    rows += [Row(clean(name), clip(clean(text), 24)) for name, text in tracker.labels.items()]
    if len(rows) <= most:
        return rows
    return [*rows[: most - 1], Row(f"and {len(rows) - most + 1} more", "")]


def _machine(tracker: Tracker, columns: int) -> list[Part]:
    """One line of as many facts as fit, the most important first; or that the run is stopping."""
    if tracker.is_stopping:
        return [Span(f"  {clip(stopping.TEXT, columns - 2)}", "warn")]
    texts = [place(tracker), memory(tracker.record.device if tracker.record else "")]
    if tracker.checkpoint is not None:
        texts.append(f"checkpoint {tracker.checkpoint}")
    if tracker.record:
        texts.append("Ctrl-C stops with a checkpoint")
    texts = [text for text in texts if text]
    while len(texts) > 1 and width("  " + " · ".join(texts)) > columns:
        texts.pop()
    return [Span("  " + " · ".join(texts), "dim")]


def memory(device: str) -> str:
    """Memory of this process, and of the GPU if it computes there."""
    import psutil

    text = f"{size(psutil.Process().memory_info().rss)} of memory"
    if device.startswith("cuda"):
        torch = sys.modules["torch"]  # never imported for this: the run computes with it
        text += f", {size(torch.cuda.memory_allocated(device))} on the GPU"
    return text

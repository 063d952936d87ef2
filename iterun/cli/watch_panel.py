"""What `iterun watch` draws: one run, or a table of several. Pure: no terminal here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.analysis.numbers import age, column, duration, value
from iterun.cli import panel, words
from iterun.cli.console import Part, Span
from iterun.cli.panel import Row
from iterun.cli.tables import Column
from iterun.cli.text import clean, clip, clip_middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.watched import Watched

_MOST_METRICS = 12
_LOG_LINES = 5
_QUIET = 30.0  #: seconds without a sign of life that are told


def one(run: Watched, columns: int, rows: int, *, unicode: bool) -> list[list[Part]]:
    """One run, at most `rows` lines of `columns` cells."""
    head = [_head(run, columns), [_dim(clip_middle(clean(run.directory), columns))]]
    log = run.log(min(_LOG_LINES, rows - 10))
    end = _end(run, columns)
    metrics = panel.metrics(
        run.tracker, max(1, min(_MOST_METRICS, rows - len(head) - len(log) - len(end) - 3))
    )
    shown = panel.table([_progress(run), *metrics], columns, unicode=unicode)
    logged: list[list[Part]] = [
        ["  ", Span("log  ", "dim"), clip(clean(line), columns - 7)] for line in log
    ]
    cost = [f"{name} {value(x)}" for name, x in run.cost.items()]
    last: list[list[Part]] = [[_dim(clip(clean("  " + " · ".join(cost)), columns))]]
    return [*head, *shown, *(last if cost else []), *logged, *end][:rows]


def _dim(text: str) -> Part:
    return Span(text, "dim")


def _head(run: Watched, columns: int) -> list[Part]:
    record = run.record
    about = [record.model, record.data, f"seed {record.seed}", _place(run)]
    said = clean("  ".join(text for text in about if text))
    room = columns - len(record.system) - len(record.id) - len(run.state) - 6
    return [
        Span(record.system, "bold"), "  ", Span(record.id, "bold"), "  ",
        Span(run.state, words.STYLES.get(run.state, "")), "  ", _dim(clip(said, room)),
    ]  # fmt: skip


def _place(run: Watched) -> str:
    """Where it computes; and when it last gave a sign of life, if that is long ago."""
    quiet = run.clock() - run.status.heartbeat
    told = f", last sign of life {age(quiet)} ago" if run.is_running and quiet > _QUIET else ""
    return f"{run.record.device}, host {run.record.host}{told}"


def _progress(run: Watched) -> Row:
    i, length = run.tracker.i, run.status.length
    if i is None:
        return Row("starting" if run.is_running else "iteration", "")
    left = run.seconds_left
    remark = duration(run.seconds) + (f", {duration(left)} left" if left is not None else "")
    text = f"{i}/{length}" if length is not None else str(i)
    return Row("iteration", text, share=i / length if length else None, remark=remark)


def _end(run: Watched, columns: int) -> list[list[Part]]:
    """How it ended."""
    if run.is_running:
        return []
    lines: list[list[Part]] = []
    if why := run.why:
        text = clip(clean(why), columns - len(run.state) - 4)
        lines.append(["  ", Span(run.state, words.STYLES.get(run.state, "")), f"  {text}"])
    heads = (Span("error: ", "alarm"), Span(" hint: ", "accent"))
    lines += [
        ["  ", head, clip(clean(line), columns - 9)]
        for head, line in zip(heads, (run.status.error or "").splitlines(), strict=False)
    ]
    return lines


def ending(run: Watched, columns: int, *, is_one: bool) -> list[list[Part]]:
    """How a run ended, by itself."""
    lines = _end(run, columns)
    return lines if is_one else [[run.record.id, *line] for line in lines[:1]]


def several(runs: Sequence[Watched], labels: Sequence[str]) -> list[Column]:
    """The columns of a table with a run a row."""
    last = [_objective(run) for run in runs]
    best = [run.tracker.best.value if run.tracker.best else None for run in runs]
    left = [run.seconds_left for run in runs]
    metrics = {run.tracker.metric for run in runs}
    name = next(iter(metrics)) if len(metrics) == 1 else None
    states = [run.state for run in runs]
    return [
        Column(head="id", cells=[run.record.id for run in runs], style="bold"),
        Column(head="state", cells=states, styles=[words.STYLES.get(s, "") for s in states]),
        Column(head="iteration", cells=[_count(run) for run in runs], right=True),
        Column(head="left", cells=["" if x is None else duration(x) for x in left], right=True,
               drop=4, style="dim"),
        Column(head=name or "objective", cells=column(last), right=True, style="accent"),
        Column(head="best", cells=column(best), right=True, drop=5),
        Column(head="seed", cells=[str(run.record.seed) for run in runs], right=True, drop=6),
        Column(head="", cells=list(labels), least=12, drop=3),
        Column(head="", cells=[_why(run) for run in runs], least=16, drop=7, style="dim"),
    ]  # fmt: skip


def _objective(run: Watched) -> float | None:
    series = run.tracker.series.get(run.tracker.metric or "")
    return series.last if series else None


def _count(run: Watched) -> str:
    i = "" if run.tracker.i is None else str(run.tracker.i)
    return f"{i}/{run.status.length}" if run.status.length is not None else i


def _why(run: Watched) -> str:
    if run.is_running:
        return ""
    error = (run.status.error or "").partition("\n")[0]
    return error or run.why

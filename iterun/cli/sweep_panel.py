"""The lines of the live sweep screen: jobs in all, those that run, the best. No terminal here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli import words
from iterun.cli.console import Part, Span
from iterun.cli.figures import count, duration, value
from iterun.cli.spark import bar
from iterun.cli.text import clean, clip, pad, width

if TYPE_CHECKING:
    from iterun.cli.sweep_board import Board, Job

_BAR = 24
_LONGEST_LABEL = 60


def heading(board: Board) -> list[list[Part]]:
    """Two lines that stay: what is done where."""
    sweep = board.sweep
    if sweep is None:
        return []
    n = count(board.n_jobs, "job")
    parts: list[Part] = [Span(f"sweep {sweep.id}", "bold"), f"  {n}  {place(board)}"]
    search: list[list[Part]] = [[f"search  {board.search}"]] if board.search else []
    return [parts, *search, [Span(sweep.folder, "dim")]]


def place(board: Board) -> str:
    """Where jobs are done: "joblib: 2 at a time, 1 thread each"."""
    if board.workers == 1 and board.launcher in ("local", "basic"):
        return "one after the other"
    many = f": {board.workers} at a time" if board.workers else ""
    each = f", {count(board.threads, 'thread')} each" if board.threads else ""
    return f"{board.launcher}{many}{each}"


def lines(board: Board, columns: int, rows: int, *, unicode: bool = True) -> list[list[Part]]:
    """What is drawn anew several times a second, at most `rows` lines of `columns` cells."""
    shown: list[list[Part]] = [_all(board, columns, unicode=unicode)]
    running = board.running()
    room = max(1, rows - 3)
    kept = running if len(running) <= room else running[: room - 1]
    shown += _running(board, kept, columns, unicode=unicode)
    if len(kept) < len(running):
        shown.append([Span(f"  and {len(running) - len(kept)} more", "dim")])
    if best := board.best():
        text = f"best    {board.metric} {value(best.objective)}  job {best.number}"
        label = clip(clean(board.label(best)), max(0, columns - width(text) - 4))
        shown.append(["  ", Span(text, "head"), "  ", Span(label, "dim")])
    return [*shown, _last(board, columns)]


def _all(board: Board, columns: int, *, unicode: bool) -> list[Part]:
    """How many jobs are over, in which states, and how long it will take."""
    n, ended = board.n_jobs, len(board.ended())
    text = f"jobs    {ended}/{n}"
    remark = duration(board.clock() - board.began)
    left = board.seconds_left()
    if left is not None and ended < n:
        remark += f", {duration(left)} left"
    parts: list[Part] = ["  ", text]
    room = columns - width(text) - width(remark) - 6
    states = [f"{k} {clean(word)}" for word, k in board.counts().items()]
    while states and width(" · ".join(states)) > room:
        states.pop()
    said = " · ".join(states)
    cells = min(_BAR, room - width(said) - 2)
    if cells >= 5:
        full, rest = bar(ended / n if n else 0.0, cells, unicode=unicode)
        parts += ["  ", Span(full, "accent"), Span(rest, "dim")]
    if said:
        parts += ["  ", said]
    return [*parts, "  ", Span(remark, "dim")]


def _running(board: Board, jobs: list[Job], columns: int, *, unicode: bool) -> list[list[Part]]:
    """A line for each job that runs: what it is, how far, its objective."""
    rows = [_cells(board, job) for job in jobs]
    widths = [max((width(row[k]) for row in rows), default=0) for k in range(4)]
    fixed = sum(widths) + 2 * 5
    labels = {job.number: clean(board.label(job)) for job in jobs}
    widest = max((width(label) for label in labels.values()), default=0)
    label_cells = max(0, min(widest, _LONGEST_LABEL, columns - fixed))
    cells = min(_BAR, columns - fixed - label_cells - 2)
    found: list[list[Part]] = []
    for job, row in zip(jobs, rows, strict=True):
        number, at, number_of, spent = row
        parts: list[Part] = ["  ", Span(pad(number, widths[0], right=True), "dim"), "  "]
        parts += [pad(clip(labels[job.number], label_cells), label_cells), "  "]
        parts += [Span(pad(at, widths[1], right=True), "live")]
        if cells >= 5:
            full, rest = bar(
                (job.i or 0) / job.length if job.length else 0.0, cells, unicode=unicode
            )
            parts += ["  ", Span(full, "accent"), Span(rest, "dim")]
        parts += ["  ", pad(number_of, widths[2]), "  ", Span(spent, "dim")]
        found.append(parts)
    return found


def _cells(board: Board, job: Job) -> tuple[str, str, str, str]:
    """Number, how far, objective, time."""
    if job.i is None:
        at = "starting"
    else:
        at = f"{job.i}/{job.length}" if job.length is not None else str(job.i)
    shown = f"{board.metric} {value(job.objective)}" if job.objective is not None else ""
    return str(job.number), at, clean(shown or job.inner), duration(board.clock() - job.began)


def _last(board: Board, columns: int) -> list[Part]:
    if board.is_stopping:
        text = f"stopping: {count(len(board.running()), 'job')} on the way to a checkpoint"
        return [Span(f"  {clip(f'{text}; Ctrl-C again leaves at once', columns - 2)}", "warn")]
    does = "leaves the jobs there" if "slurm" in board.launcher else "stops with checkpoints"
    text = f"{place(board)} · Ctrl-C {does}"
    return [Span(f"  {clip(text, columns - 2)}", "dim")]


def state_style(job: Job) -> str:
    """The colour of a job's state."""
    return words.STYLES.get(job.state, "bad" if job.state == "refused" else "")

"""The end of a sweep on the screen: its jobs, the best of them, what to type next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterun.cli import search, words
from iterun.cli.console import Part, Span, err, out
from iterun.cli.figures import column, count, duration, value
from iterun.cli.sweep_panel import state_style
from iterun.cli.tables import Column, table
from iterun.errors import StoreError
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.cli.sweep_board import Board, Job
    from iterun.launch.search.events import StudyEnded
    from iterun.store.sweeps import JobRecord

_NAMED = 6  #: runs of other sweeps that are named one by one
_MOST = 30  #: rows; of more jobs those that went wrong and the best ones are shown


def show(board: Board, study: StudyEnded | None = None) -> None:
    """The table to stdout; how it ended and what to do next to stderr.

    Args:
        board: what was told.
        study: of a search, which says more than a table of all its jobs.
    """
    end = board.end
    if end is None:
        return
    results, remarks = out(), err()
    remarks.stream.flush()
    if study is None:
        shown = _shown(board)
        table(results, _columns(board, shown))
        results.stream.flush()
        if left := len(board.jobs) - len(shown):
            remarks.line(Span(f"and {count(left, 'job')} more", "dim"))
    found = _counts(board)
    counts = ", ".join(f"{n} {word}" for word, n in found.items())
    if list(found) == [end.state]:
        counts = count(len(board.jobs), "job")
    style = words.STYLES.get(end.state, "bold")
    if board.jobs:
        remarks.line(Span(end.state, style), f"  {counts} in {duration(end.seconds)}")
    best = board.best()
    if best is not None and study is None:
        said = f"best {board.metric} {value(best.objective)} by job {best.number}"
        remarks.line(f"{said}  {board.label(best)}")
    if study is not None:
        search.show(study)
    _next(board)


def _next(board: Board) -> None:
    end, screen = board.end, err()
    if end is None:
        return
    if not (steps := _steps(board)):
        return
    parts: list[Part] = [Span("next:", "dim")]
    for step in steps:
        parts += ["  ", Span(step, "accent")]
    screen.line(*parts)
    screen.stream.flush()


def _steps(board: Board) -> list[str]:
    end = board.end
    assert end is not None
    if end.state == "interrupted":
        return [end.go_on]
    there = [job.record for job in board.jobs.values() if job.record and job.record.run]
    if not there:
        return []
    name = f"sweep={words.run_word(end.sweep.id)}"
    if any(record.note and not _is_of(record, end.sweep.id) for record in there):
        runs = list(dict.fromkeys(str(record.run) for record in there))
        name = " ".join(runs) if len(runs) <= _NAMED else f"task={board.system}"
    if len(there) == 1:
        return [f"iterun show {there[0].run}"]
    return [f"iterun compare {name}", f"iterun select {name}"]


def _is_of(record: JobRecord, sweep: str) -> bool:
    """Whether the run of a job was begun by this sweep, so that it is found by its name."""
    try:
        return (RunView(Path(str(record.directory))).record.sweep or {}).get("id") == sweep
    except StoreError:
        return False


def _counts(board: Board) -> dict[str, int]:
    """Jobs by state, those that were not begun too."""
    found: dict[str, int] = {}
    for job in board.jobs.values():
        found[job.word] = found.get(job.word, 0) + 1
    return found


def _shown(board: Board) -> list[Job]:
    jobs = sorted(board.jobs.values(), key=lambda job: job.number)
    if len(jobs) <= _MOST:
        return jobs
    wrong = [job for job in jobs if job.record is None or not job.record.is_good][: _MOST // 2]
    rest = [job for job in board.ranked(jobs) if job not in wrong]
    return [*rest[: _MOST - len(wrong)], *wrong]


def _columns(board: Board, jobs: Sequence[Job]) -> list[Column]:
    best = board.best()
    records = [job.record for job in jobs]
    found = [
        Column(head="job", cells=[str(job.number) for job in jobs], right=True, style="dim"),
        Column(head="differs in", cells=[board.label(job) for job in jobs], least=16),
        Column(
            head="state", cells=[job.word for job in jobs], styles=[state_style(j) for j in jobs]
        ),
    ]
    if board.metric is not None:
        marks = ["*" if job is best else " " for job in jobs]
        cells = column([job.objective for job in jobs])
        found.append(
            Column(
                head=f"{board.metric} ", right=True,
                cells=[f"{cell}{mark}" for cell, mark in zip(cells, marks, strict=True)],
                styles=["head" if job is best else "" for job in jobs],
            )
        )  # fmt: skip
    took = [duration(it.seconds) if it and it.note is None else "" for it in records]
    found += [
        Column(head="took", cells=took, right=True, drop=2),
        Column(head="run", cells=[(it.run or "") if it else "" for it in records], drop=1),
    ]
    return found

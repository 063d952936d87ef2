"""The live sweep screen, drawn from events at several widths; no terminal."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from iterun.cli.console import Span
from iterun.cli.sweep_board import Board, labels
from iterun.cli.sweep_panel import lines
from iterun.cli.text import width
from iterun.core.progress import InnerProgress, IterationDone, RunStarted
from iterun.launch import events
from iterun.launch.sweep import Asked, Sweep
from iterun.store.schema import RunRecord
from iterun.store.sweeps import JobRecord

SWEEP = Sweep(
    id="20261124-101500-abcdefgh", folder="/o/.sweeps/x", stamp="", key="", outputs="/o", cwd="/"
)
OBJECTIVE: dict[str, Any] = {"metric": "ppl", "goal": "min"}
RECORD = RunRecord(
    id="3f9a1c2b", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00", objective=OBJECTIVE,
)  # fmt: skip


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def board(now: list[float]) -> Board:
    """Eight jobs, four at a time."""
    found = Board(lambda: now[0])
    found.take(events.SweepStarted(SWEEP, "joblib", 4, 2, OBJECTIVE))
    jobs = [
        Asked(n, ("task=prune/perp", f"task.sparsity={s}", f"seed={k}"))
        for n, (s, k) in enumerate((s, k) for s in (0.5, 0.6) for k in range(1, 5))
    ]
    found.take(events.JobsAsked(jobs))
    return found


def start(board: Board, number: int, length: int | None = 12) -> None:
    job = board.jobs[number]
    board.take(events.JobStarted(Asked(number, tuple(job.overrides))))
    board.take(events.JobTold(number, RunStarted(Path("/o/r"), RECORD, length, None)))


def step(board: Board, number: int, i: int, ppl: float) -> None:
    done = IterationDone(i, 12, {"ppl": ppl}, {}, {}, 1.0, ppl)
    board.take(events.JobTold(number, done))


def end(board: Board, number: int, ppl: float | None, state: str = "completed") -> None:
    record = JobRecord(
        number=number, overrides=list(board.jobs[number].overrides), state=state, objective=ppl,
        seconds=10.0, run="3f9a1c2b",
    )  # fmt: skip
    board.take(events.JobEnded(record))


def text(board: Board, columns: int = 100, rows: int = 20, **how: Any) -> list[str]:
    shown = lines(board, columns, rows, **how)
    return ["".join(p.text if isinstance(p, Span) else p for p in parts) for parts in shown]


def test_running_jobs_have_a_line_each_with_what_tells_them_apart(board: Board) -> None:
    start(board, 2)
    step(board, 2, 3, 34.5)

    first, job, last = text(board)
    assert first.startswith("  jobs    0/8  ")
    assert "1 running" in first
    assert job.split()[:4] == ["2", "sparsity=0.5", "seed=3", "3/12"]
    assert "ppl 34.5" in job
    assert last == "  joblib: 4 at a time, 2 threads each · Ctrl-C stops with checkpoints"


def test_the_best_so_far_is_that_of_completed_jobs(board: Board) -> None:
    for number, ppl, state in ((0, 31.0, "completed"), (1, 20.0, "failed"), (2, 33.0, "completed")):
        start(board, number)
        end(board, number, ppl, state)

    assert "  best    ppl 31  job 0  sparsity=0.5 seed=1" in text(board)
    assert "2 completed · 1 failed" in text(board)[0]


@pytest.mark.parametrize("columns", [40, 80, 100, 200])
@pytest.mark.parametrize("rows", [5, 8, 24])
def test_no_line_is_wider_and_no_more_lines_than_there_is_room(
    columns: int, rows: int, board: Board
) -> None:
    for number in range(8):
        start(board, number)
        step(board, number, 1, 31.25)
    end(board, 0, 31.25)

    shown = text(board, columns, rows)
    assert len(shown) <= rows
    assert max(map(width, shown)) <= columns


def test_of_many_running_jobs_some_are_counted(board: Board) -> None:
    for number in range(8):
        start(board, number)

    assert "  and 6 more" in text(board, rows=6)


def test_the_time_left_is_by_what_jobs_took(board: Board, now: list[float]) -> None:
    start(board, 0)
    now[0] = 10.0
    end(board, 0, 31.0)

    assert board.seconds_left() == pytest.approx(7 * 10.0 / 4)
    start(board, 1)
    now[0] = 30.0
    step(board, 1, 6, 31.0)
    assert board.seconds_left() == pytest.approx(20.0)  # half of it took 20 s


def test_a_signal_is_answered_on_the_screen(board: Board) -> None:
    start(board, 0)
    board.take(events.SweepStopping("SIGINT", 1))

    assert text(board)[-1] == (
        "  stopping: 1 job on the way to a checkpoint; Ctrl-C again leaves at once"
    )


def test_settings_are_texts_and_no_escapes(board: Board) -> None:
    board.take(events.JobsAsked([Asked(9, ("task.name=\x1b[2J", "seed=1"))]))
    start(board, 9, None)
    board.take(events.JobTold(9, InnerProgress("load\x07ing", 3, None)))

    assert not any("\x1b" in line or "\x07" in line for line in text(board))


def test_without_unicode_bars_are_ascii(board: Board) -> None:
    start(board, 0)

    shown = text(board, unicode=False)
    assert "---" in shown[0]
    assert "─" not in shown[0]


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ([("task=a", "seed=1"), ("task=a", "seed=2")], ["seed=1", "seed=2"]),
        ([("task=a", "seed=1")], ["task=a seed=1"]),
        ([("task.lr=0.123456789", "seed=1"), ("seed=1",)], ["lr=0.1235", ""]),
        ([("seed=1", "on_existing=skip"), ("seed=2", "hydra.x=1")], ["seed=1", "seed=2"]),
    ],
)
def test_a_label_is_what_jobs_differ_in(jobs: list[tuple[str, ...]], expected: list[str]) -> None:
    assert list(labels(dict(enumerate(jobs))).values()) == expected


@pytest.mark.parametrize(
    ("note", "state", "word"),
    [
        ("exists", "completed", "exists"),
        ("exists", "diverged", "exists (diverged)"),
        ("alive", "running", "running elsewhere"),
        ("resumed", "failed", "failed, resumed"),
        (None, "refused", "refused"),
    ],
)
def test_the_word_for_a_job_tells_what_was_there(
    note: str | None, state: str, word: str, board: Board
) -> None:
    record = JobRecord(number=0, note=note, state=state)

    assert replace(board.jobs[0], record=record, state=state).word == word

"""Listeners of a sweep without a terminal: a line a job, JSON an event, or only the directories."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from iterun.cli import search, stopping, sweep_end, sweep_panel
from iterun.cli.console import Part, Span, err, out
from iterun.cli.figures import duration, value
from iterun.cli.plain import as_json
from iterun.cli.sweep_board import Board
from iterun.core.progress import InnerProgress, IterationDone, Remark, RunEnded, RunStarted
from iterun.launch.events import (
    JobEnded,
    JobsAsked,
    JobStarted,
    JobTold,
    SweepEnded,
    SweepEvent,
    SweepRemark,
    SweepStarted,
    SweepStopping,
)
from iterun.launch.search.events import StudyEnded, StudyStarted
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterun.cli.sweep_board import Job

_SIGN_OF_LIFE = 60.0  #: seconds without a line, after which a running job may tell of itself
Told = SweepEvent | StudyStarted | StudyEnded

STOPPING = "stopping: running jobs go to their checkpoints; Ctrl-C again leaves at once"


class PlainSweep:
    """A line a job to stderr, for pipes, logs and CI; the table at the end to stdout.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.board = Board(clock)
        self.screen = err()
        self._written = clock()
        self._said: set[str] = set()
        self._study: StudyEnded | None = None
        self._announced = False

    def __call__(self, event: Told) -> None:
        """Take in an event; a reader that has gone away never harms the sweep."""
        with contextlib.suppress(BrokenPipeError):
            self._take(event)

    def _take(self, event: Told) -> None:
        self.board.take(event)
        if isinstance(event, JobEnded):
            self._line(*job_line(self.board, self.board.jobs[event.record.number]))
        elif isinstance(event, JobTold):
            self._told(event)
        elif isinstance(event, JobsAsked):
            if not self._announced:
                self._announced = True
                for parts in sweep_panel.heading(self.board):
                    self._line(*parts)
        elif isinstance(event, SweepStopping):
            self._stopping()
        elif isinstance(event, SweepEnded):
            sweep_end.show(self.board, self._study)
        elif isinstance(event, StudyEnded):
            self._study = event
        elif isinstance(event, SweepRemark):
            self._line(Span("note: ", "warn"), event.text)

    def _told(self, event: JobTold) -> None:
        told = event.event
        if isinstance(told, RunStarted) and self.board.workers == 1:
            stopping.listen(self._stopping)
        elif isinstance(told, Remark):
            if told.text not in self._said:
                self._said.add(told.text)
                self._line(Span("note: ", "warn"), f"job {event.number}: {told.text}")
        elif isinstance(told, IterationDone) and self.clock() - self._written >= _SIGN_OF_LIFE:
            of = f"/{told.length}" if told.length is not None else ""
            self._line(f"  job {event.number}: {told.i}{of}")

    def _stopping(self) -> None:
        if "stopping" not in self._said:
            self._said.add("stopping")
            self.board.is_stopping = True
            with contextlib.suppress(OSError, ValueError):  # no stream is touched in a handler
                os.write(2, f"{STOPPING}\n".encode())

    def _line(self, *parts: Part) -> None:
        self._written = self.clock()
        self.screen.line(*parts)
        self.screen.stream.flush()


def job_line(board: Board, job: Job) -> list[Part]:
    """A line as in `[3/12] job 2 completed  sparsity=0.6 seed=2  ppl=34.1  (4.1 s)  3f9a1c2b`."""
    record = job.record
    parts: list[Part] = [f"[{len(board.ended())}/{board.n_jobs}] job {job.number} "]
    parts.append(Span(job.word, sweep_panel.state_style(job)))
    if label := board.label(job):
        parts.append(f"  {label}")
    if job.objective is not None and record is not None and record.is_good:
        parts.append(f"  {board.metric}={value(job.objective)}")
    if record is not None and record.error:
        parts.append("  " + record.error.partition("\n")[0])
    if record is not None and record.note not in ("exists", "submitted"):
        parts.append(Span(f"  ({duration(record.seconds)})", "dim"))
    if record is not None and record.run:
        parts.append(Span(f"  {record.run}", "accent"))
    return parts


class QuietSweep:
    """Nothing but the directory of each job's run on stdout, and on stderr why one went wrong."""

    def __call__(self, event: Told) -> None:
        """Take in an event."""
        if isinstance(event, JobEnded):
            record = event.record
            with contextlib.suppress(BrokenPipeError):
                if record.directory:
                    screen = out()
                    screen.line(record.directory)
                    screen.stream.flush()
                if record.error:
                    text = record.error.partition("\n")[0]
                    err().line(f"error: job {record.number} {record.state}: {text}")


class JsonSweep:
    """One JSON object an event on stdout; inner progress at most once a second.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._inner = -1.0

    def __call__(self, event: Told) -> None:
        """Take in an event."""
        if isinstance(event, JobTold) and isinstance(event.event, InnerProgress):
            if self.clock() - self._inner < 1.0:
                return
            self._inner = self.clock()
        with contextlib.suppress(BrokenPipeError):
            if (body := event_as_json(event)) is not None:
                screen = out()
                screen.raw(encode(body).decode() + "\n")
                screen.stream.flush()


def event_as_json(event: Told) -> dict[str, Any] | None:
    """An event as it goes to stdout; None: another one says the same."""
    if isinstance(event, StudyEnded):
        return search.to_json(event)
    if isinstance(event, StudyStarted):
        return {"event": "study_started", "text": event.text, "jobs": event.n_jobs}
    if isinstance(event, SweepRemark):
        return {"event": "remark", "text": event.text}
    if isinstance(event, SweepStarted | SweepStopping | SweepEnded):
        return _of_sweep(event)
    if isinstance(event, JobsAsked):
        jobs = [{"job": job.number, "overrides": list(job.overrides)} for job in event.jobs]
        return {"event": "asked", "jobs": jobs}
    return _of_job(event)


def _of_job(event: JobStarted | JobTold | JobEnded) -> dict[str, Any] | None:
    if isinstance(event, JobStarted):
        overrides = list(event.job.overrides)
        return {"event": "job_started", "job": event.job.number, "overrides": overrides}
    if isinstance(event, JobEnded):
        body = event.record.to_json()
        return {"event": "job_ended", "job": body.pop("number"), **body}
    if isinstance(event.event, RunEnded):
        return None
    return {**as_json(event.event), "job": event.number}


def _of_sweep(event: SweepStarted | SweepStopping | SweepEnded) -> dict[str, Any]:
    if isinstance(event, SweepStarted):
        sweep = event.sweep
        return {
            "event": "sweep", "id": sweep.id, "directory": sweep.folder,
            "launcher": event.launcher, "workers": event.workers, "threads": event.threads,
            "objective": dict(event.objective) if event.objective else None,
        }  # fmt: skip
    if isinstance(event, SweepStopping):
        return {"event": "stopping", "signal": event.signal, "running": event.running}
    states = dict(Counter(job.state for job in event.jobs))
    return {
        "event": "sweep_ended", "id": event.sweep.id, "state": event.state, "jobs": states,
        "seconds": round(event.seconds, 3), "go_on": event.go_on,
    }  # fmt: skip

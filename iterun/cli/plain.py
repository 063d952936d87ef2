"""Listeners without a terminal: a line an iteration, JSON an event, or only the directory."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from iterun.cli import ending, panel, stopping
from iterun.cli.console import err, out
from iterun.cli.figures import duration, value
from iterun.cli.tracker import Tracker
from iterun.core.progress import (
    CheckpointSaved,
    Event,
    InnerProgress,
    IterationDone,
    Remark,
    RunEnded,
    RunStarted,
)
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterun.core.job import Outcome
    from iterun.store.schema import RunRecord

_ALL_OF = 100  #: iterations of which each gets its line; later ones at most ten a second
_SHORTEST = 0.1  #: seconds between lines after those
_SIGN_OF_LIFE = 30.0  #: seconds without a line, after which an inner loop may tell of itself
_FIRST_SIGN = 5.0  #: as long, of a loop that has not told of itself yet


class PlainDisplay:
    """A line an iteration to stderr, for pipes, logs and CI.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.screen = err()
        self.tracker = Tracker(clock)
        self._written = clock()
        self._told = ""  # the inner loop that told of itself last
        self._left_out: IterationDone | None = None

    def __call__(self, event: Event) -> None:
        """Take in an event; a reader that has gone away never harms the run."""
        with contextlib.suppress(BrokenPipeError):
            self._take(event)

    def _take(self, event: Event) -> None:
        self.tracker.take(event)
        if isinstance(event, IterationDone):
            self._iteration(event)
        elif isinstance(event, InnerProgress):
            silence = _SIGN_OF_LIFE if event.label == self._told else _FIRST_SIGN
            if self.clock() - self._written >= silence:
                of = f"/{event.total}" if event.total is not None else ""
                self._told = event.label
                self._line(f"  {event.label} {event.done}{of}")
        elif isinstance(event, RunStarted):
            stopping.listen(self._stopping)
            for parts in panel.heading(self.tracker, str(event.directory)):
                self.screen.line(*parts)
            for note in event.notes:
                self._line(f"note: {note}")
            self.screen.stream.flush()
        elif isinstance(event, Remark):
            self._line(f"note: {event.text}")
        elif isinstance(event, RunEnded):
            self._end(event.outcome)

    def _stopping(self) -> None:
        if not self.tracker.is_stopping:
            self.tracker.stop()
            with contextlib.suppress(OSError, ValueError):  # no stream is touched in a handler
                os.write(2, f"{stopping.TEXT}\n".encode())

    def _iteration(self, event: IterationDone) -> None:
        is_soon = self.clock() - self._written < _SHORTEST
        self._left_out = (
            event if is_soon and event.i > _ALL_OF and event.i != event.length else None
        )
        if self._left_out is None:
            self._line(iteration_line(event))

    def _end(self, outcome: Outcome) -> None:
        if self._left_out is not None:
            self._line(iteration_line(self._left_out))
        ending.show(outcome, self.tracker.record)
        self.tracker = Tracker(self.clock)
        self._left_out = None

    def _line(self, text: str) -> None:
        self._written = self.clock()
        self.screen.line(text)
        self.screen.stream.flush()


def iteration_line(event: IterationDone) -> str:
    """A line as in `[3/12] ppl=34.12 sparsity=0.5 phase=train (4.1 s)`."""
    of = f"/{event.length}" if event.length is not None else ""
    numbers = [f"{name}={value(number)}" for name, number in event.metrics.items()]
    labels = [f"{name}={text}" for name, text in event.labels.items()]
    return " ".join([f"[{event.i}{of}]", *numbers, *labels, f"({duration(event.seconds)})"])


class QuietDisplay:
    """Nothing but the directory of each run on stdout, and on stderr why one went wrong."""

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, RunEnded):
            with contextlib.suppress(BrokenPipeError):
                screen = out()
                screen.line(str(event.outcome.directory))
                screen.stream.flush()
                if event.outcome.error:
                    err().line(f"error: {event.outcome.error.splitlines()[0]}")


class JsonDisplay:
    """One JSON object an event on stdout; inner progress at most once a second.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._inner = -1.0

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, InnerProgress):
            if self.clock() - self._inner < 1.0:
                return
            self._inner = self.clock()
        with contextlib.suppress(BrokenPipeError):
            screen = out()
            screen.raw(encode(as_json(event)).decode() + "\n")
            screen.stream.flush()


def as_json(event: Event) -> dict[str, Any]:
    """An event as it goes to stdout; empty ones of its parts are left out."""
    if isinstance(event, RunStarted):
        body = _started(event, event.record)
    elif isinstance(event, IterationDone):
        body = {"event": "iteration", "i": event.i, "length": event.length,
                "seconds": event.seconds, "metrics": dict(event.metrics),
                "cost": dict(event.cost), "labels": dict(event.labels)}  # fmt: skip
    elif isinstance(event, InnerProgress):
        body = {"event": "progress", "label": event.label, "done": event.done, "total": event.total}
    elif isinstance(event, Remark):
        body = {"event": "remark", "text": event.text}
    elif isinstance(event, CheckpointSaved):
        body = {"event": "checkpoint", "i": event.i}
    else:
        body = _ended(event.outcome)
    return {name: item for name, item in body.items() if item is not None and item != {}}


def _started(event: RunStarted, record: RunRecord) -> dict[str, Any]:
    return {
        "event": "started", "id": record.id, "system": record.system, "seed": record.seed,
        "model": record.model, "data": record.data, "device": record.device, "dtype": record.dtype,
        "directory": str(event.directory), "length": event.length,
        "resumed_from": event.resumed_from, "notes": list(event.notes) or None,
    }  # fmt: skip


def _ended(outcome: Outcome) -> dict[str, Any]:
    summary = outcome.summary
    return {
        "event": "ended", "state": outcome.state, "reason": outcome.reason, "error": outcome.error,
        "exit_status": outcome.exit_status, "directory": str(outcome.directory),
        "iterations": outcome.iterations, "seconds": summary.seconds if summary else None,
        "last": summary.last if summary else None, "best": summary.best if summary else None,
        "result": summary.result if summary else None,
    }  # fmt: skip

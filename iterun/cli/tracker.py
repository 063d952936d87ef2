"""What a run has told so far: the state that displays draw."""

from __future__ import annotations

import time
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from iterun.cli.series import Series
from iterun.core.progress import (
    CheckpointSaved,
    Event,
    InnerProgress,
    IterationDone,
    RunStarted,
)
from iterun.errors import StoreError
from iterun.store.encoding import as_float

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterun.store.schema import RunRecord


class Inner(NamedTuple):
    """An inner loop, and when it began."""

    label: str
    done: int
    total: int | None
    since: float


class Best(NamedTuple):
    """The objective's best value."""

    i: int
    value: float


class Tracker:
    """Follows one run through its events.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.began = self.started = clock()
        self.record: RunRecord | None = None
        self.length: int | None = None
        self.i: int | None = None  #: the last iteration done
        self.first = 0  #: the iteration gone on from
        self.series: dict[str, Series] = {}
        self.labels: dict[str, str] = {}
        self.best: Best | None = None
        self.inner: Inner | None = None
        self.checkpoint: int | None = None
        self.is_stopping = False  #: a signal was heard
        self.since = self.began  #: when the iteration that goes on began

    @property
    def metric(self) -> str | None:
        """The objective's name."""
        objective = self.record.objective if self.record else None
        return str(objective["metric"]) if objective and "metric" in objective else None

    def take(self, event: Event) -> None:
        """Take in an event."""
        if isinstance(event, IterationDone):
            self._done(event)
        elif isinstance(event, InnerProgress):
            self._inside(event)
        elif isinstance(event, CheckpointSaved):
            self.checkpoint = event.i
        elif isinstance(event, RunStarted):
            self._started(event)

    def stop(self) -> None:
        """A signal was heard."""
        self.is_stopping = True

    def seconds_left(self) -> float | None:
        """Until the last iteration, at the mean pace so far; None: not known."""
        if self.i is None or self.length is None or self.i <= self.first:
            return None
        pace = (self.since - self.started) / (self.i - self.first)
        spent = self.clock() - self.since
        return max(0.0, pace * (self.length - self.i) - spent)

    def _started(self, event: RunStarted) -> None:
        self.record, self.length, self.inner = event.record, event.length, None
        self.started = self.since = self.clock()
        if event.resumed_from is not None and event.resumed_from >= 0:
            self.i = self.first = event.resumed_from
            self._remember(event)

    def _remember(self, event: RunStarted) -> None:
        """The iterations of earlier attempts, for the sparklines; without them it works too."""
        from iterun.store.reader import RunView

        try:
            for line in RunView(event.directory).iterations():
                self._measure(line.i, line.metrics)
        except StoreError:
            self.series.clear()

    def _done(self, event: IterationDone) -> None:
        self.i, self.length, self.inner = event.i, event.length, None
        self.labels = dict(event.labels)
        self.since = self.clock()
        self._measure(event.i, event.metrics)

    def _measure(self, i: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            self.series.setdefault(name, Series()).add(value, drawn=i > 0)
        metric = self.metric
        if (
            i > 0
            and metric is not None
            and metric in metrics
            and isfinite(as_float(metrics[metric]))
            and self.record
        ):
            sign = -1.0 if (self.record.objective or {}).get("goal") == "max" else 1.0
            if self.best is None or sign * metrics[metric] < sign * self.best.value:
                self.best = Best(i, metrics[metric])

    def _inside(self, event: InnerProgress) -> None:
        goes_on = self.inner is not None and self.inner.label == event.label
        goes_on = goes_on and self.inner is not None and self.inner.done <= event.done
        since = self.inner.since if goes_on and self.inner else self.clock()
        self.inner = Inner(event.label, event.done, event.total, since)

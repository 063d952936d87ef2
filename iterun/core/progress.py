"""What happens in a run, as events: core emits them, the command line draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.core.job import Outcome
    from iterun.store.schema import Iteration, RunRecord


@dataclass(frozen=True, slots=True)
class RunStarted:
    """`start` is done: model and data are there, and the length is known."""

    directory: Path
    record: RunRecord
    length: int | None  #: iterations in all, stop.iterations counted in; None: until a rule ends it
    resumed_from: int | None  #: the iteration gone on from; -1: from the beginning; None: a new run
    notes: Sequence[str] = ()  #: what a resume moved aside


@dataclass(slots=True)  # not frozen: made every iteration, and that would take 2 µs more
class IterationDone:
    """Iteration i is in the record. To be read only."""

    i: int
    length: int | None
    metrics: Mapping[str, float]
    cost: Mapping[str, float]
    labels: Mapping[str, str]
    seconds: float  #: of this iteration
    objective: float | None  #: the objective's metric, if this iteration has it

    @classmethod
    def recorded(cls, line: Iteration, length: int | None, record: RunRecord) -> IterationDone:
        """What its line in the record tells, of a run in another process."""
        value = line.metrics.get(str((record.objective or {}).get("metric")))
        return cls(line.i, length, line.metrics, line.cost, line.labels, line.seconds, value)


@dataclass(frozen=True, slots=True)
class InnerProgress:
    """Inside a long iteration, or inside `start`; at most ten a second."""

    label: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence for the user, shown once."""

    text: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """The state after iteration i can be gone on from."""

    i: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The last event of every run that has a directory."""

    outcome: Outcome


Event = RunStarted | IterationDone | InnerProgress | Remark | CheckpointSaved | RunEnded
Listener = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The listener that hears nothing."""

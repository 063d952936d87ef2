"""The base class of all systems: what the runner calls, and in which order.

check, start, length, baseline, step 1, 2, ..., result       a fresh run
check, start, length, restore, step k + 1, ..., result       a resumed one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iterun.core.run import Run
    from iterun.errors import ConfigError


class Procedure:
    """One system of one paper. Subclasses are keyword-only dataclasses without defaults.

    A procedure writes no file by itself, prints nothing, reads no command line, picks no device and
    seeds no generator: it asks `run`, which `start` keeps as it likes (by custom `self.run = run`).
    """

    #: what `backend.threads=auto` takes with small models or none: 1 where nets have under 1M
    #: parameters, None: all cores
    threads: ClassVar[int | None] = None
    #: what `model=` and `data=` have to be, as their files say (kinds, kind); None: anything
    model_kind: ClassVar[str | None] = None
    data_kind: ClassVar[str | None] = None
    #: whether it reads the course of its step size from `run.schedule`
    takes_schedule: ClassVar[bool] = False
    #: metrics that may be infinite or NaN without ending the run as `diverged`
    may_be_infinite: ClassVar[frozenset[str]] = frozenset()

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault of the parameters; no torch, no model, no file."""
        yield from ()

    def start(self, run: Run) -> None:
        """Build model, data and counters: the same bits every time, before a resume too."""
        raise NotImplementedError

    def length(self) -> int | None:
        """How many iterations there are, known after `start`; None: until a rule ends it."""
        return None

    def baseline(self) -> Mapping[str, float] | None:
        """Iteration 0, if the system has one: the dense model, the first answer; else None."""
        return None

    def step(self, i: int) -> Mapping[str, float]:
        """Do iteration i = 1, 2, ... and return its metrics: numbers by name."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """All that baseline and steps changed.

        Nested dicts, lists, tuples of tensors, arrays, numbers, strings, None and Refs; keys are
        strings or integers.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` gave, with the types it went in with."""

    def result(self) -> Mapping[str, Any]:
        """The run's summary, numbers and short texts; what needs it whole is saved here."""
        return {}

"""How a run ended, and the exit status that says so."""

from __future__ import annotations

import contextlib
import signal
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.errors import DiskError, DivergedError, IterunError, ServerError

if TYPE_CHECKING:
    from iterun.store.schema import Summary
    from iterun.store.writer import RunWriter


@dataclass(frozen=True)
class Ending:
    """A state with its reason; `error` and `trace` where something went wrong."""

    state: str
    reason: str | None
    exit_status: int = 0
    error: str | None = None
    exception: BaseException | None = None

    @property
    def trace(self) -> str | None:
        """The traceback of what is no `IterunError`: of a bug."""
        if self.exception is None or isinstance(self.exception, IterunError):
            return None
        return "".join(traceback.format_exception(self.exception))


def interrupted(number: signal.Signals | None) -> Ending:
    """By a signal: 130 for SIGINT (also if None was noted), 143 for SIGTERM, 140 for SIGUSR2."""
    number = number or signal.SIGINT
    return Ending("interrupted", number.name, 128 + number)


def diverged(i: int, metric: str, value: float) -> Ending:
    """A metric of iteration i is not a number that can be gone on with."""
    error = (
        f"{metric} is {value} at iteration {i}; the last checkpoint before it stands\n"
        f"if this may be, the system's class lists {metric!r} in may_be_infinite"
    )
    return Ending("diverged", metric, DivergedError.exit_status, error)


def failed(error: BaseException) -> Ending:
    """By an exception: the user's to mend if it is an `IterunError`, else a bug."""
    if isinstance(error, IterunError):
        text = f"{error.message}\n{error.hint}".strip()
    else:
        text = "".join(traceback.format_exception_only(error)).strip()
    if isinstance(error, DivergedError):
        return Ending("diverged", type(error).__name__, error.exit_status, text, error)
    status = error.exit_status if isinstance(error, ServerError) else 1
    return Ending("failed", type(error).__name__, status, text, error)


def write(ending: Ending, summary: Summary, writer: RunWriter) -> Ending:
    """Write how the run ended, as far as the disk lets us; the ending that holds.

    A run whose last words don't fit has failed; if not even that can be written, it is seen as
    lost once this process is gone. Its checkpoints stand in any case.
    """
    try:
        if ending.trace:
            writer.log(ending.trace)
        writer.summary(summary)
        writer.sync()
    except DiskError as error:
        if ending.state in ("completed", "interrupted"):
            ending = failed(error)
            summary.state, summary.reason = ending.state, ending.reason
    with contextlib.suppress(DiskError):
        writer.status(ending.state, reason=ending.reason, error=ending.error)
    return ending

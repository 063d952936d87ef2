"""Going on with a run that ended, was stopped or was killed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.core import fork
from iterun.core.keeper import FORMAT
from iterun.errors import StoreError
from iterun.store import checkpoint, paths
from iterun.store.reader import RunView
from iterun.store.schema import INTERRUPTED, LOST, RUNNING, Status, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from iterun.core.keeper import Keeper
    from iterun.core.stop import StopRules
    from iterun.store.writer import RunWriter

FROM_THE_BEGINNING = -1


@dataclass(frozen=True)
class Before:
    """How a run stood when an attempt to resume it began, to be put back if that is refused."""

    status: Status
    seconds: float  #: of all attempts; more than the checkpoint knows, if an iteration was given up

    @classmethod
    def of(cls, directory: Path) -> Before:
        """Read from the directory.

        Raises:
            StoreError: it is no run directory, or one that can't be read.
        """
        view = RunView(directory)
        summary, status = view.summary, view.status
        if status.state in (RUNNING, LOST):  # its process is gone, and this one is not the run
            status = Status(state=INTERRUPTED, reason=LOST)
        return cls(status, summary.seconds if summary else 0.0)


def plan(directory: Path, iteration: int | None = None) -> int:
    """The checkpoint to go on from: the newest one, or the newest up to `iteration`.

    Returns:
        Its iteration, or -1: there is none yet, so that the run starts from the beginning.

    Raises:
        StoreError: the run has no such iteration, or it is one of its parent's.
    """
    if iteration is not None:
        last = max((line.i for line in RunView(directory).iterations()), default=0)
        if not 0 <= iteration <= last:
            raise StoreError(
                f"{directory.name} has no iteration {iteration}: its last one is {last}",
                hint=f"go on from an iteration between 0 and {last}",
            )
    numbers = checkpoint.available(directory)
    found = max((k for k in numbers if iteration is None or k <= iteration), default=-1)
    fork.refuse_before(RunView(directory).record, found, iteration)
    return found


@dataclass(frozen=True)
class Found:
    """The checkpoint that is gone on from."""

    k: int  #: its number
    state: dict[str, Any] | None = None  #: None: from the beginning
    unreadable: Mapping[int, StoreError] = field(default_factory=dict)  #: newer ones, by number

    @property
    def done(self) -> int:
        """The last iteration that is done in it."""
        return FROM_THE_BEGINNING if self.state is None else int(self.state["done"])

    @property
    def inner(self) -> Mapping[str, Any] | None:
        """What the iteration that it lies in gathered up to there."""
        return self.state["inner"] if self.state else None


def load(directory: Path, k: int) -> Found:
    """Checkpoint k, or the newest readable one before it.

    Raises:
        StoreError: none can be read, or it is of a later version's format.
    """
    unreadable: dict[int, StoreError] = {}
    for candidate in _newest_first(directory, k):
        try:
            state = checkpoint.load(directory, candidate)
        except StoreError as error:
            unreadable[candidate] = error
            continue
        if state.get("format", 0) > FORMAT:
            raise StoreError(
                f"checkpoint {candidate} of {directory.name} was written by a newer iterun",
                hint="pip install -U iterun",
            )
        return Found(candidate, state, unreadable)
    if unreadable:
        raise unreadable[max(unreadable)]
    return Found(FROM_THE_BEGINNING)


def restore(k: int, keeper: Keeper, rules: StopRules, config: Mapping[str, Any]) -> list[str]:
    """Put checkpoint k back after `start`, then move aside what came later.

    Returns:
        Remarks: what was moved, what could not be read.

    Raises:
        StoreError: no checkpoint, or not the record, can be read; nothing was moved.
        DiskError: no room to move something.
    """
    writer = keeper.writer
    directory = writer.directory
    found = load(directory, k)
    if found.state is not None:
        fork.restore(found.state, keeper)
        _restore_rules(rules, found.state["rules"], writer, found.done)
    writer.check_drop(found.done)
    notes = _clear_after(found, writer)
    files = found.inner["files"] if found.inner else ()
    if dropped := writer.drop_after(found.done, checkpoint=found.k, keep=files):
        notes.append(_told(dropped, found.done, writer.attempt))
    if found.inner:
        keeper.go_on_inside(found.k, found.inner)
    if RunView(directory).config != decode(encode(dict(config))):
        writer.rewrite_config(config)
    return notes


def _restore_rules(
    rules: StopRules, state: Mapping[str, Any], writer: RunWriter, done: int
) -> None:
    """From the checkpoint; where they look at another metric now, from the record."""
    left = fork.left_at(writer.record)
    if rules.restore(state):
        if done == left:
            rules.begin_anew()
        return
    for line in RunView(writer.directory).iterations():
        if line.i <= done:
            rules.see(line.i, line.metrics)
        if line.i == left:
            rules.begin_anew()


def _clear_after(found: Found, writer: RunWriter) -> list[str]:
    """Delete later checkpoints, first of all: they count on lines that are given up.

    Returns:
        Remarks on those that could not be read: they are moved aside.
    """
    notes: list[str] = []
    directory, attempt = writer.directory, writer.attempt
    later = [i for i in checkpoint.available(directory) if i > found.k]
    if later:
        RunView(directory).iterations()  # a record that can't be read is refused before that
    for i in later:
        if error := found.unreadable.get(i):
            checkpoint.set_aside(directory, i, attempt)
            aside = f"{paths.CHECKPOINTS}/{paths.dropped_folder(attempt)}"
            notes.append(f"checkpoint {i} is left aside, in {aside}: {error.message}")
        else:
            checkpoint.delete(directory, i)
    return notes


def _told(dropped: int, done: int, attempt: int) -> str:
    """The remark on iterations that are computed again."""
    last = "the beginning" if done < 0 else f"iteration {done}"
    lines = "1 later iteration was" if dropped == 1 else f"{dropped} later iterations were"
    return f"going on from {last}: {lines} moved to {paths.dropped_lines(attempt)}"


def _newest_first(directory: Path, k: int) -> Iterator[int]:
    return (i for i in reversed(checkpoint.available(directory)) if i <= k)

"""The state of a run at an iteration that has no checkpoint: the way there computed again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from iterun.analysis.replay import first
from iterun.core.job import Replay
from iterun.core.progress import Event, InnerProgress, IterationDone
from iterun.errors import IterunError, StoreError
from iterun.launch import recorded
from iterun.launch.replay import replay
from iterun.store import cut, paths
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.core.job import Outcome
    from iterun.core.progress import Listener
    from iterun.store.schema import RunRecord

_ELSEWHERE = "fork it on a machine like that one, or with backend=cpu at one of its checkpoints"


def regained(view: RunView, part: Path, *, after: int, k: int, listener: Listener) -> None:
    """Fill a folder with what a run was after iteration k, as `copy.prefix` does of a checkpoint.

    It is computed with the run's own settings, on the recorded place, and held against its record.

    Args:
        view: the run.
        part: an empty folder.
        after: the iteration to begin from, which has a checkpoint; -1: none.
        k: the iteration wanted.
        listener: hears of it as of an inner loop.

    Raises:
        StoreError: it does not come out again as it is recorded, or was interrupted.
        ConfigError: what the run needs isn't here.
        DiskError: no room.
    """
    was = view.record
    outcome = replay(
        view, part, after=after, last=k, until=Replay(until=lambda i: i >= k, keep=True),
        place=recorded.place(view.config["backend"], was, _ELSEWHERE),
        listener=_Inner(listener, after, k),
    )  # fmt: skip
    if outcome.reason != "replay":
        raise _ended(outcome, was, k)
    lines = [line for line in view.iterations() if line.i <= k]
    again = RunView(part).iterations()
    if (difference := first(lines, again)) is not None or len(lines) != len(again):
        what = f", iteration {difference.i} in {difference.name}" if difference else ""
        raise StoreError(
            f"{was.id} does not come out again as it is recorded{what}: its state at iteration "
            f"{k} can't be had",
            hint=f"iterun verify {was.id} says why; branch off at a checkpoint: "
            f"{those_there(view)}",
        )
    _tidy(view, part, k)


def those_there(view: RunView) -> str:
    """The newest checkpoints, as they are typed."""
    return ", ".join(f"{view.id}@{i}" for i in view.checkpoints()[-5:]) or "none"


def _tidy(view: RunView, part: Path, k: int) -> None:
    """Take away what is the replay's own; the lines are the run's."""
    (part / paths.ITERATIONS).unlink()
    cut.copy_head(view.directory / paths.ITERATIONS, k, part / paths.ITERATIONS)
    for name in (paths.SUMMARY, paths.LOG):
        (part / name).unlink(missing_ok=True)
    shutil.rmtree(part / paths.ARTIFACTS / paths.dropped_folder(1), ignore_errors=True)


def _ended(outcome: Outcome, was: RunRecord, k: int) -> IterunError:
    """Why a replay did not come to its iteration."""
    said = (outcome.error or outcome.reason or outcome.state).partition("\n")[0]
    error = StoreError(
        f"{was.id} can't be replayed up to iteration {k}: {outcome.state} after iteration "
        f"{outcome.iterations}: {said}; nothing was made",
        hint=f"branch off earlier, as in {was.id}@{max(outcome.iterations - 1, 0)}",
    )
    if outcome.state == "interrupted":
        error = StoreError(f"interrupted while {was.id} was replayed; nothing was made")
        error.exit_status = outcome.exit_status
    return error


class _Inner:
    """Hears a replay and tells of it as of an inner loop."""

    def __init__(self, listener: Listener, after: int, k: int) -> None:
        self._listener = listener
        self._after = max(after, 0)
        self._k = k

    def __call__(self, event: Event) -> None:
        if isinstance(event, IterationDone):
            done, total = event.i - self._after, self._k - self._after
            self._listener(InnerProgress("replay", max(done, 0), total))
        elif isinstance(event, InnerProgress):
            self._listener(event)

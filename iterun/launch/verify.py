"""`iterun verify`: a run gone through again, held against its record bit for bit."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from iterun.analysis.replay import Difference, between
from iterun.core.fork import Branch, nearest_whole, refuse_before
from iterun.core.job import Replay
from iterun.core.progress import CheckpointSaved, Event, IterationDone, Remark, RunEnded
from iterun.errors import ConfigError, StoreError
from iterun.launch import recorded
from iterun.launch.causes import Cause, causes
from iterun.launch.replay import replay
from iterun.store.reader import RunView
from iterun.store.schema import DIVERGED, FAILED, Iteration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.core.job import Outcome
    from iterun.core.progress import Listener

_ELSEWHERE = "verify it on a machine like that one"
_WENT_WRONG = {FAILED: ("fails", "fail"), DIVERGED: ("diverges", "diverge")}


@dataclass(kw_only=True)
class Verdict:
    """What a replay came to."""

    run: str
    system: str
    after: int  #: iterations behind this one were computed again; -1: all
    upto: int  #: the last one that was to be compared
    first: int | None = None  #: the first one that was compared
    reached: int = -1  #: the last one
    differences: list[Difference] = field(default_factory=list)  #: in order; by default the first's
    causes: list[Cause] = field(default_factory=list)  #: what has changed since, likeliest first
    ended: str | None = None  #: how the replay ended before `upto`
    failure: str | None = None  #: of a run that failed: whether it does so again
    is_mended: bool = False  #: it failed then, and does not now
    folder: Path | None = None  #: the replay, if it was kept
    exit_status: int = 0  #: 0 equal, 1 differs, above 128: interrupted

    @property
    def equal(self) -> bool:
        """Whether all that was to be compared was, and is the same."""
        return not (self.differences or self.is_mended) and self.ended is None


def verify(
    directory: Path,
    listener: Listener,
    *,
    after: int | None = None,
    upto: int | None = None,
    whole: bool = False,
    keep: bool = False,
) -> Verdict:
    """Compute a run again, as it is recorded, and compare metrics and labels.

    Args:
        directory: the run, in whatever state.
        listener: hears the replay, but not its end.
        after: begin from this iteration's checkpoint, or the one before; None: from the beginning,
            of a fork from where it branched off.
        upto: compare no further; None: to the last recorded iteration, and of a failed run until it
            fails again.
        whole: go on after the first difference.
        keep: leave the replay's directory.

    Raises:
        ConfigError: what the run needs isn't here.
        StoreError: it has no such iteration or checkpoint, or can't be read.
        DiskError: no room for the replay.
    """
    view = RunView(directory)
    was, config = view.record, recorded.whole(view.config, view.record)
    lines = {line.i: line for line in view.iterations()}
    last = _last(view, lines, upto)
    start = _start(view, after, listener)
    fails = view.status.state in _WENT_WRONG and upto is None
    if start >= last and not fails and (after, upto) != (None, None):
        raise StoreError(
            f"{view.id}: nothing is left to compare from checkpoint {start} to iteration {last}",
            hint="name an earlier checkpoint with --from, or a later iteration with --upto",
        )
    place = recorded.place(config["backend"], was, _ELSEWHERE)
    found = causes(view, config, place)
    verdict = Verdict(run=was.id, system=was.system, after=start, upto=last, causes=found)
    comparison = Comparison(listener, lines, verdict, whole=whole, beyond=int(fails))
    folder = Path(tempfile.mkdtemp(prefix="iterun-verify-"))
    try:
        outcome = replay(
            view, folder, after=start, until=Replay(until=comparison.is_done),
            last=last + comparison.beyond, place=place, listener=comparison,
        )  # fmt: skip
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    verdict.folder = folder if keep else None
    _judge(verdict, outcome, view, fails=fails)
    return verdict


class Comparison:
    """A listener that holds every iteration against the recorded one."""

    def __init__(
        self, listener: Listener, lines: Mapping[int, Iteration], verdict: Verdict, *,
        whole: bool, beyond: int,
    ) -> None:  # fmt: skip
        self.beyond = beyond  #: iterations after the last one compared: where a run failed
        self._listener = listener
        self._lines = lines
        self._verdict = verdict
        self._whole = whole

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded | CheckpointSaved):
            return
        if isinstance(event, IterationDone) and event.i in self._lines:
            self._compare(event)
        self._listener(event)

    def is_done(self, i: int) -> bool:
        """Whether enough was seen once iteration i is done."""
        verdict = self._verdict
        verdict.reached = min(i, verdict.upto)
        return i >= verdict.upto + self.beyond or (bool(verdict.differences) and not self._whole)

    def _compare(self, event: IterationDone) -> None:
        now = Iteration(
            i=event.i, time=0.0, seconds=event.seconds, metrics=dict(event.metrics),
            labels=dict(event.labels),
        )  # fmt: skip
        if event.i <= self._verdict.upto and (not self._verdict.differences or self._whole):
            self._verdict.reached = event.i
            self._verdict.first = event.i if self._verdict.first is None else self._verdict.first
            self._verdict.differences += between(self._lines[event.i], now)


def _last(view: RunView, lines: Mapping[int, Iteration], upto: int | None) -> int:
    last = max(lines, default=-1)
    if last < 0 and view.status.state not in _WENT_WRONG:
        raise StoreError(
            f"{view.id} has no recorded iteration yet", hint="`iterun ls` lists the runs"
        )
    if upto is not None and not 0 <= upto <= last:
        raise StoreError(
            f"{view.id} has no iteration {upto}: its last one is {last}",
            hint=f"as in --upto {max(last, 0)}",
        )
    return last if upto is None else upto


def _start(view: RunView, asked: int | None, listener: Listener) -> int:
    """The iteration behind which the replay begins."""
    branch, there = Branch.of(view.record), _whole_ones(view)
    if asked is not None and asked < 0:
        raise ConfigError(f"--from {asked}: iterations count from 0", hint="as in --from 0")
    if asked is not None:
        start = nearest_whole(view.directory, asked)
        refuse_before(view.record, start, asked)
        if start != asked:
            begin = f"checkpoint {start}" if start >= 0 else "the beginning"
            listener(Remark(f"{view.id} has no checkpoint {asked}: from {begin}"))
        return start
    if branch is None:
        return -1
    later = [k for k in there if k >= branch.iteration]
    if not later:
        refuse_before(view.record, -1, None)
    since = f"iterations up to {later[0]} are not computed again"
    if later[0] > branch.iteration:
        listener(Remark(f"{view.id} has lost the checkpoint where it branched off: {since}"))
    else:
        parent = f"iterun verify {branch.run} --upto {later[0]}"
        listener(Remark(f"{since}, they are those of {branch.run}: {parent}"))
    return later[0]


def _whole_ones(view: RunView) -> Sequence[int]:
    found = view.checkpoints()
    return [k for k in found if nearest_whole(view.directory, k) == k]


def _judge(verdict: Verdict, outcome: Outcome, view: RunView, *, fails: bool) -> None:
    """What follows from how the replay ended."""
    said = (outcome.error or outcome.reason or outcome.state).partition("\n")[0]
    if outcome.state == "interrupted" and outcome.reason != "replay":
        verdict.ended, verdict.exit_status = f"interrupted by {said}", outcome.exit_status
        return
    if fails and not verdict.differences and verdict.reached >= verdict.upto:
        verdict.failure = _failure(view, outcome, said)
        verdict.is_mended = outcome.state != view.status.state
    elif verdict.reached < verdict.upto and outcome.reason != "replay":
        verdict.ended = f"{outcome.state} after iteration {outcome.iterations}: {said}"
    verdict.exit_status = 0 if verdict.equal else 1


def _failure(view: RunView, outcome: Outcome, said: str) -> str:
    """Whether a run that went wrong does so again."""
    state, before = view.status.state, (view.status.error or "").partition("\n")[0]
    does, do = _WENT_WRONG[state]
    if outcome.state != state:
        return f"does not {do} again: {before}"
    return f"{does} again: {said}" if said == before else f"{does} again, of another cause: {said}"

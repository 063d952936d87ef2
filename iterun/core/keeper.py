"""Checkpoints of a run: everything that decides its further numbers, taken and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.core.fork import point
from iterun.core.progress import CheckpointSaved, Listener
from iterun.core.retention import CheckpointSettings, Schedule, kept
from iterun.core.run import Gathered
from iterun.errors import StoreError
from iterun.ops import rng
from iterun.store import checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iterun.core.procedure import Procedure
    from iterun.core.run import Run
    from iterun.core.stop import StopRules
    from iterun.core.tally import Tally
    from iterun.store.writer import RunWriter

FORMAT = 1  #: of the dict below


class Keeper:
    """Takes checkpoints of one run and keeps those that the settings ask for.

    A checkpoint taken at a safe point inside iteration i has the number i and says so (`inner`):
    on the way to i. It holds what the iteration has gathered up to there.

    Args:
        writer: the run directory's; synced before a checkpoint that counts on it.
        settings: when, and which are kept.
        clock: seconds.
        listener: hears of each checkpoint.
    """

    def __init__(
        self,
        *,
        writer: RunWriter,
        settings: CheckpointSettings,
        procedure: Procedure,
        run: Run,
        rules: StopRules,
        tally: Tally,
        clock: Callable[[], float],
        listener: Listener,
    ) -> None:
        self.saved: int | None = None  #: the iteration after which the newest one was taken
        self.seconds_before = 0.0  #: of earlier attempts
        self.asleep = False  #: none is to be taken: a replay
        self.inside = False  #: what was restored lies inside an iteration that is not done yet
        self.inner_seconds = 0.0  #: spent in the unfinished iteration before the resume
        self._inner_files: list[str] = []
        self.writer = writer
        self._settings = settings
        self._procedure = procedure
        self._run = run
        self._rules = rules
        self._tally = tally
        self._clock = clock
        self._listener = listener
        self._started = clock()
        self._schedule = Schedule(settings, self._started)
        self._inner: int | None = None  # the number of the newest one, if it is an inner one

    @property
    def seconds(self) -> float:
        """Wall time of the run, over all attempts."""
        return self.seconds_before + self._clock() - self._started

    def save_if_due(self, i: int) -> None:
        """Take the checkpoint after iteration i if it is its turn and fits into the share."""
        if i % self._settings.every == 0 and self._schedule.fits(self._clock()):
            self.save(i)

    def save(self, i: int) -> None:
        """Take the checkpoint after iteration i, unless it is there.

        Before the first step of a resume inside an iteration there is none to take: the state is
        no longer that after i, and the inner checkpoint stands.
        """
        if self.saved != i and not (self.inside or self.asleep):
            self._tally.score(i)
            stale, self._inner = self._inner, None
            self._take(i, None, stale=stale if stale != i else None)
            self.saved = i

    def save_inside(self, began: float, *, always: bool) -> None:
        """Take a checkpoint at a safe point of the iteration that began at `began`."""
        if not self.asleep and (always or self._schedule.is_due_inside(self._clock())):
            gathered = self._run.gathered
            inner = {
                "seconds": self.inner_seconds + self._clock() - began,
                "files": self._inner_files + self.writer.files(),
                "cost": gathered.cost,
                "labels": gathered.labels,
                "counts": gathered.counts,
                "rows": gathered.rows,
            }
            self._inner = self._run.i
            self._take(self._run.i, inner)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put everything back, after `start`; the generators last, since all else may draw."""
        self._procedure.restore(state["procedure"])
        self._tally.restore(state["tally"])
        self._run.handed.restore(state["handed"])
        self._run.generators.restore(state["generators"])
        self._run.generators.seed = self.writer.record.seed  # of a fork, another one than before
        self._run.reason = state["reason"]
        rng.restore_globals(state["globals"])
        self.seconds_before = max(self.seconds_before, state["tally"]["seconds"])
        self.saved = None if state["inner"] else state["done"]

    def branch_off(self, *, reseed: bool) -> None:
        """At the iteration where a fork leaves its parent: its own settings hold from here on."""
        self._run.reason = None
        if reseed:
            self._run.generators.reseed(self.writer.record.seed)
            rng.seed_globals(self.writer.record.seed)

    def go_on_inside(self, i: int, inner: Mapping[str, Any]) -> None:
        """Take up the unfinished iteration i: what it gathered up to the safe point."""
        self._inner, self.inside = i, True
        self.inner_seconds, self._inner_files = inner["seconds"], list(inner["files"])
        for name, rows in inner["rows"]:
            self.writer.append_rows(name, i, rows)
        self._run.gathered = Gathered(
            dict(inner["cost"]), dict(inner["labels"]), dict(inner["counts"]), list(inner["rows"])
        )

    def take_files(self) -> list[str]:
        """The artifacts of the iteration that is being recorded; the next one starts without."""
        files = self.writer.files()
        if self.inside:
            files = list(dict.fromkeys(self._inner_files + files))
            self._inner_files, self.inner_seconds, self.inside = [], 0.0, False
        return files

    def _take(self, number: int, inner: dict[str, Any] | None, *, stale: int | None = None) -> None:
        began = self._clock()
        self._tally.seconds = self.seconds
        self.writer.sync()
        checkpoint.save(self.writer.directory, number, self._state(inner))
        self._thin_out(stale)
        self.writer.summary(self._tally.summary("running", seconds=self.seconds))
        self._schedule.note(began, self._clock())
        self._listener(CheckpointSaved(number))

    def _state(self, inner: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "done": self._tally.i,
            "inner": inner,
            "reason": self._run.reason,
            "procedure": self._procedure.state(),
            "generators": self._run.generators.state(),
            "globals": rng.globals_state(),
            "handed": self._run.handed.state(),
            "rules": self._rules.state(),
            "tally": self._tally.state(),
        }

    def _thin_out(self, stale: int | None) -> None:
        directory = self.writer.directory
        available = set(checkpoint.available(directory))
        clean = available - {self._inner, stale}
        gone = clean - kept(self._settings, clean, self._tally.scores) - point(self.writer.record)
        if stale in available:
            gone.add(stale)
        for i in gone:
            checkpoint.delete(directory, i)
            self._tally.scores.pop(i, None)
        if gone:
            self._collect()

    def _collect(self) -> None:
        """Free what no checkpoint needs; one that can't be read is no reason to end a run."""
        try:
            checkpoint.collect(self.writer.directory)
        except StoreError as error:
            self._run.warn(
                f"files that no checkpoint needs stay until this folder is gone: {error.message}"
            )

"""The loop: start, baseline, then step, record, stop rules, checkpoint, until a rule ends it.

    check -> run directory -> start -> baseline -> for each iteration:
    step -> record -> stop rules -> checkpoint -> ... -> result -> summary

It knows no model, no data and no task: only a `Procedure` and the run directory's writer.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Any

from iterun.core import endings, fork, resume
from iterun.core.endings import Ending
from iterun.core.job import Job, Outcome
from iterun.core.keeper import Keeper
from iterun.core.logs import logged_to
from iterun.core.numbers import not_finite, plain_metrics, plain_result
from iterun.core.progress import IterationDone, RunEnded, RunStarted
from iterun.core.retention import CheckpointSettings
from iterun.core.run import Run
from iterun.core.signals import GivenUp, Left, Signals, Watch
from iterun.core.stop import StopRules, StopSettings
from iterun.core.tally import Tally, parameters_of
from iterun.errors import ConfigError, DiskError, StoreError, raise_all
from iterun.ops import rng
from iterun.store.writer import RunWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iterun.store.schema import Summary

__all__ = ["Job", "Outcome", "run"]


def run(job: Job) -> Outcome:
    """Do a run, new or resumed, to its end.

    Raises:
        ConfigError: out of `check` or `start`, before anything was computed. A new run's directory
            is removed again; a resumed one is left as it was.
        StoreError: the directory is taken, the run is alive, or it has no readable checkpoint.
        DiskError: the directory can't be made.
    """
    stop = StopSettings.of(job.stop, job.objective)
    keep = CheckpointSettings.of(job.checkpoint)
    raise_all([*stop.check(), *keep.check(), *job.procedure.check()])
    with Signals(job.clock) as signals:
        engine = Engine(job, stop, keep, signals)
        handed = contextlib.closing(engine.handle.handed)
        logged = logged_to(engine.writer.log, engine.handle.warn)
        with contextlib.closing(engine.writer), logged, handed:
            outcome = engine.run()
    job.listener(RunEnded(outcome))
    return outcome


class Engine:
    """One attempt at one run."""

    def __init__(
        self, job: Job, stop: StopSettings, keep: CheckpointSettings, signals: Signals
    ) -> None:
        self.job = job
        self.before = None if job.resume_from is None else resume.Before.of(job.directory)
        self.writer = writer = _writer(job)
        record = writer.record
        self.signals = signals
        signals.last_words = self._last_words
        self.watch = Watch(signals, clock=job.clock, grace=keep.grace)
        self.rules = StopRules(stop)
        self.handle = Run(
            writer=writer, place=job.place, seed=fork.first_seed(record), builders=job.builders,
            listener=job.listener, watch=self.watch, clock=job.clock,
        )  # fmt: skip
        named = parameters_of(job.config, model=record.model, data=record.data, seed=record.seed)
        self.tally = Tally(job.objective, named)
        self.keeper = Keeper(
            writer=writer, settings=keep, procedure=job.procedure, run=self.handle,
            rules=self.rules, tally=self.tally, clock=job.clock, listener=job.listener,
        )  # fmt: skip
        self.keeper.asleep = job.replay is not None
        if self.before is not None:
            self.keeper.seconds_before = self.before.seconds
        self.length: int | None = None
        self.capped: int | None = None  # with stop.iterations
        self._ready = False  # nothing is refused any more
        self._judged: str | None = None  # not kept: a resume goes on
        self._began = 0.0  # the iteration that goes on

    def run(self) -> Outcome:
        """All of it; every error but a refusal is recorded.

        Raises:
            ConfigError: out of `start`.
            StoreError: of a run that can't be resumed.
        """
        result: Mapping[str, Any] = {}
        try:
            ending, result = self._attempt()
            self.signals.settle()
        except KeyboardInterrupt:
            self.signals.settle()
            ending = self._interrupted()
        return self._end(ending, result)

    def _attempt(self) -> tuple[Ending, Mapping[str, Any]]:
        """All but the end; the ending and the result."""
        try:
            self.writer.start_heartbeat()
            ending = self._begin() or self._loop()
            if ending.state != "completed":
                return ending, {}
            if not self.keeper.inside:
                return ending, plain_result(self.job.procedure.result())
            self._tell_no_result(ending.reason)
        except (Left, GivenUp):
            ending = self._given_up()
        except (Exception, SystemExit) as error:  # recorded, with its traceback
            if self._is_refusal(error):
                self._take_back()
                raise
            ending = endings.failed(error)
        return ending, {}

    # The beginning.

    def _begin(self) -> Ending | None:
        """Up to the first iteration; an ending if there is nothing to go on with."""
        job, k = self.job, self.job.resume_from
        rng.seed_globals(fork.first_seed(self.writer.record))
        job.procedure.start(self.handle)
        self.handle.starting = False
        self.length = job.procedure.length()
        self.capped = self.rules.capped(self.length)
        self.rules.look_ahead(self.capped)
        self.writer.length(self.capped)
        self.tally.parameters.update(self.handle.resolved)
        self.writer.resolve(self.handle.resolved)
        if k is not None:
            fork.refuse_at_end(self.writer.record, k, self.length)
        notes = [] if k is None else self._restore(k)
        self._ready = True
        if self.rules.settings.seconds is not None:
            self.watch.deadline = job.clock() + self.rules.settings.seconds - self.keeper.seconds
        resumed = None if k is None else self.tally.i
        job.listener(RunStarted(job.directory, self.writer.record, self.capped, resumed, notes))
        return self._baseline() if self.tally.i < 0 else None

    def _restore(self, k: int) -> list[str]:
        """Go on from checkpoint k; what `start` gathered was told in iteration 0, before."""
        gathered = self.handle.gathered
        self.handle.forget()
        notes = resume.restore(k, self.keeper, self.rules, self.job.config)
        if self.tally.i < 0:
            self.handle.gathered = gathered
        return notes

    def _baseline(self) -> Ending | None:
        if self.signals.caught:
            return self._interrupted()
        self._began = self.job.clock()
        metrics = self.job.procedure.baseline()
        if metrics is None:
            self.handle.forget()
        elif ending := self._record(0, metrics):
            return ending
        self.tally.i = 0
        self.keeper.save(0)
        return None

    # The loop.

    def _loop(self) -> Ending:
        procedure, keeper, clock = self.job.procedure, self.keeper, self.job.clock
        i = self.tally.i
        self.handle.at_safe_point = self._at_safe_point
        while True:
            if ending := self._replayed(i):
                return ending
            reason = self.handle.reason or self._judged
            reason = reason or self.rules.verdict(i, self.length, keeper.seconds)
            if reason or self.signals.caught:
                keeper.save(i)
                self.watch.deadline = None  # `result` may take its time
                return Ending("completed", reason) if reason else self._interrupted()
            i += 1
            self.handle.i = i
            self._began = clock()
            if ending := self._record(i, procedure.step(i)):
                return ending
            keeper.save_if_due(i)

    def _replayed(self, i: int) -> Ending | None:
        """The end of a replay, if iteration i was its last one."""
        replay = self.job.replay
        if replay is None or not replay.until(i):
            return None
        if replay.keep:
            self.keeper.asleep = False
            self.keeper.save(i)
        return Ending("interrupted", "replay")

    def _record(self, i: int, metrics: Mapping[str, Any]) -> Ending | None:
        """Write iteration i's line and tell it; an ending if the run has diverged."""
        seconds = round(self.job.clock() - self._began + self.keeper.inner_seconds, 6)
        values = plain_metrics(metrics)
        gathered = self.handle.take(values)
        self.rules.see(i, values)
        cost = {**gathered.cost, **self.rules.cost}
        self.writer.append(
            i, seconds=seconds, metrics=values, cost=cost, labels=gathered.labels,
            files=self.keeper.take_files(),
        )  # fmt: skip
        for remark in self.rules.remarks(i, values):
            self.handle.warn(remark)
        objective = self.tally.add(i, values, cost)
        if i == 1 and self.tally.lacks_objective:
            metric = self.job.objective["metric"]  # type: ignore[index]  # there is one
            self.handle.warn(f"the objective {metric} is not among the metrics: nothing is best")
        done = IterationDone(i, self.capped, values, cost, gathered.labels, seconds, objective)
        self.job.listener(done)
        if self.job.judge is not None:
            self._judged = self.job.judge(done)
        bad = not_finite(values, self.job.procedure.may_be_infinite)
        return endings.diverged(i, bad, values[bad]) if bad is not None else None

    def _at_safe_point(self) -> None:
        leaving = self.watch.leaving
        self.keeper.save_inside(self._began, always=leaving)
        if leaving:
            raise Left

    # The end.

    def _interrupted(self) -> Ending:
        return endings.interrupted(self.signals.caught)

    def _given_up(self) -> Ending:
        """A signal, or stop.seconds inside an iteration: a state in between has no result."""
        if self.signals.caught:
            return self._interrupted()
        self._tell_no_result("seconds")
        return Ending("completed", "seconds")

    def _tell_no_result(self, reason: str | None) -> None:
        self.handle.warn(
            f"the run ended inside iteration {self.tally.i + 1} (stop rule: {reason}), so that it "
            f"has no result yet: `iterun resume {self.writer.record.id}@{max(self.tally.i, 0)}` "
            "computes it from the last whole one"
        )

    def _end(self, ending: Ending, result: Mapping[str, Any]) -> Outcome:
        summary = self.tally.summary(
            ending.state, seconds=self.keeper.seconds, reason=ending.reason, result=result,
            costs=self.rules.ended_by(ending.reason, self.tally.i, self.capped),
        )  # fmt: skip
        return self._outcome(endings.write(ending, summary, self.writer), summary)

    def _outcome(self, ending: Ending, summary: Summary | None) -> Outcome:
        return Outcome(
            state=ending.state, reason=ending.reason, error=ending.error,
            exit_status=ending.exit_status, directory=self.job.directory,
            iterations=max(self.tally.i, 0), summary=summary, exception=ending.exception,
        )  # fmt: skip

    def _last_words(self) -> None:
        """From another thread, when the main one doesn't come back after a second SIGINT."""
        ending = self._interrupted()
        with contextlib.suppress(DiskError):
            self.writer.status(ending.state, reason=ending.reason)
        self.job.listener(RunEnded(self._outcome(ending, None)))

    def _is_refusal(self, error: BaseException) -> bool:
        if self._ready:
            return False
        kinds = ConfigError if self.before is None else (ConfigError, StoreError)
        return isinstance(error, kinds)

    def _take_back(self) -> None:
        """Leave nothing of a new run, and a resumed one as it was."""
        self.writer.close()
        if self.before is None:
            shutil.rmtree(self.job.directory)
        else:
            status = self.before.status
            self.writer.status(status.state, reason=status.reason, error=status.error)


def _writer(job: Job) -> RunWriter:
    if job.resume_from is not None:
        return RunWriter.reopen(job.directory)
    return RunWriter.create(job.directory, record=job.record, config=job.config, patch=job.patch)

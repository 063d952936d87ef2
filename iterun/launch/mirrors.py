"""Other tools that hear of a run while it goes on: `logger=[tensorboard,mlflow]`.

Each works in a process of its own and reads the run's record (iterun/trackers). What goes wrong
there is said once; the run itself never waits for a tool but at its end, within `wait` seconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import queue
import shlex
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from iterun.config.targets import TRACKERS, instantiate
from iterun.core import runner
from iterun.core.progress import IterationDone, Remark, RunEnded, RunStarted
from iterun.errors import ConfigError, ConfigErrors, UnavailableError
from iterun.trackers import process
from iterun.trackers.places import absolute, default, outputs_of
from iterun.trackers.tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from iterun.core.job import Job, Outcome
    from iterun.core.progress import Event, Listener
    from iterun.trackers.process import Process

SOON = 1.0  # seconds of waiting that need no word
_NOT_WAITED = "it was not waited for"
ASK_EVERY = 2.0  # seconds between two looks for what a tool has to say


def faults(config: Mapping[str, Any]) -> Iterator[ConfigError]:
    """Whatever keeps a mirror of the config from being begun; no tool is imported."""
    for name, node in _nodes(config).items():
        try:
            tracker = _tracker(name, node)
        except ConfigErrors as error:
            yield from error.errors
        except ConfigError as error:
            yield error
        else:
            yield from tracker.check()
            yield from missing(tracker)


def missing(tracker: Tracker) -> Iterator[UnavailableError]:
    """The fault that the tool's package isn't installed."""
    if tracker.package and not _is_there(tracker.package):
        name = f'"iterun[{tracker.tool}]"' if _is_ours(tracker) else tracker.package
        yield UnavailableError(
            f"logger={tracker.tool} needs the package {tracker.package}, which is not installed",
            hint=f"pip install {name}",
        )


def run(job: Job) -> Outcome:
    """Do a run, as `runner.run`, and have the mirrors that its config names follow it."""
    nodes = _nodes(job.config)
    if not nodes:
        return runner.run(job)
    outputs = outputs_of(job.directory, job.record.system)
    trackers = [_tracker(*item) for item in nodes.items()]
    with contextlib.closing(Mirrored(job.listener, trackers, outputs)) as job.listener:
        return runner.run(job)


def placed(tracker: Tracker, outputs: Path) -> Tracker:
    """The tracker with a place from the root."""
    place = tracker.place
    found = default(tracker.tool, outputs) if place is None else absolute(place)
    return dataclasses.replace(tracker, place=found)


class Mirrored:
    """A listener that has tools follow the run, and tells what goes wrong with them.

    Args:
        listener: hears every event too.
        trackers: the tools.
        outputs: where the runs lie, and what tools keep that nobody gave a place.
    """

    def __init__(self, listener: Listener, trackers: Sequence[Tracker], outputs: Path) -> None:
        self._listener = listener
        self._outputs = outputs
        self._at_work: list[Process] = []
        self._unsaid: list[str] = []  # before the run has begun
        self._run = ""  # its id
        self._asked = time.monotonic()
        for tracker in trackers:
            try:
                self._at_work.append(process.taken(placed(tracker, outputs)))
            except OSError as error:
                self._unsaid.append(self._off(tracker, str(error)))

    def __call__(self, event: Event) -> None:
        """Hear an event."""
        if isinstance(event, RunEnded) and event.outcome.summary is not None:
            self._end()  # without a summary the process leaves at once
        self._listener(event)
        if isinstance(event, IterationDone):
            if (now := time.monotonic()) - self._asked > ASK_EVERY:
                self._asked = now
                self._ask()
        elif isinstance(event, RunStarted):
            self._run = event.record.id
            for said in self._unsaid:
                self._listener(Remark(said))
            for one in self._at_work:
                one.follow(event.directory)

    def close(self) -> None:
        """End the processes that have not come to their end: the run was refused."""
        for one in self._at_work:
            one.close()

    def _ask(self) -> None:
        """Look whether a tool has failed; nothing is waited for."""
        for one in list(self._at_work):
            with contextlib.suppress(queue.Empty):
                self._take(one, one.answers.get_nowait())

    def _end(self) -> None:
        """Wait until all is written, for each tool as long as it may take."""
        for one in self._at_work:
            one.end()
        began, is_waiting = time.monotonic(), True
        for one in list(self._at_work):
            left = began + one.tracker.wait - time.monotonic() if is_waiting else 0.0
            try:
                self._take(one, self._waited_for(one, max(0.0, left)))
            except queue.Empty:
                late = f"it has not written everything {one.tracker.wait:g} s after the run's end"
                self._take(one, {"failed": late if is_waiting else _NOT_WAITED})
            except KeyboardInterrupt:  # the user waits no longer, for none of them
                is_waiting = False
                self._take(one, {"failed": _NOT_WAITED})

    def _waited_for(self, one: Process, left: float) -> Mapping[str, Any]:
        """The answer of a tool; that it takes time is said.

        Raises:
            queue.Empty: there is none after `left` seconds.
        """
        with contextlib.suppress(queue.Empty):
            return one.answers.get(timeout=min(left, SOON))
        if left > SOON:
            self._listener(
                Remark(f"{one.tracker.tool} is still writing: at most {left:.0f} s, or Ctrl-C")
            )
        return one.answers.get(timeout=max(0.0, left - SOON))

    def _take(self, one: Process, answer: Mapping[str, Any]) -> None:
        """The one answer that a tool gives for a run."""
        self._at_work.remove(one)
        if "failed" in answer:
            one.close()
            self._listener(Remark(self._off(one.tracker, str(answer["failed"]))))
        else:
            process.put_back(one)

    def _off(self, tracker: Tracker, fault: str) -> str:
        said = f"{tracker.tool} is switched off, the run is not: {fault}"
        if not _is_ours(tracker):
            return said
        words = ["iterun", "export", self._run or "RUN", "--to", tracker.tool]
        if tracker.place not in (None, default(tracker.tool, self._outputs)):
            words += ["--out", str(tracker.place)]
        return f"{said}. Later, `{shlex.join(words)}` writes all of it"


def _is_ours(tracker: Tracker) -> bool:
    """Whether it comes with iterun, which then knows its extra and exports to it."""
    return type(tracker).__module__.startswith(f"{TRACKERS[0]}.")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # the package around it
        return False


def _nodes(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name; what is no mapping is one mirror that nobody can build."""
    found = config.get("logger") or {}
    return found if isinstance(found, dict) else {"logger": found}


def _tracker(name: str, node: Any) -> Tracker:
    if not isinstance(node, dict) or "_target_" not in node:
        raise ConfigError(
            f"logger.{name} names no tool",
            hint="as in logger=tensorboard, or logger=[mlflow,wandb]",
        )
    settings = {key: value for key, value in node.items() if key != "_target_"}
    return instantiate(node["_target_"], settings, Tracker, f"logger.{name}", within=TRACKERS)

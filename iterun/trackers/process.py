"""A tool at work in a process of its own, seen from the one that computes the run.

The run shares nothing with it: no interpreter lock, no generators, no signals, no memory. It gets
the name of a directory, and reads the record there.
"""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from iterun.trackers.tracker import Tracker

_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from iterun.trackers.serve import main; main()"
)
GONE = {"failed": "its process has ended"}
MOST_IDLE = 4  #: processes, of 20 MB and more each


class Process:
    """The process of one tool.

    Args:
        tracker: the tool, its place settled.

    Raises:
        OSError: it can't be started.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _CODE, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**tracker.environment(), **os.environ},
            start_new_session=True,  # a Ctrl-C is for the run alone
        )
        threading.Thread(target=self._read, daemon=True).start()
        cls = type(tracker)
        target = f"{cls.__module__}.{cls.__qualname__}"
        self._send({"tracker": target, "settings": tracker.settings()})

    def follow(self, directory: Path) -> None:
        """Have it tell the run while it goes on."""
        self._send({"follow": os.path.abspath(directory)})

    def end(self) -> None:
        """Have it tell the rest; an answer comes when that is done."""
        self._send({"end": True})

    def tell(self, directory: Path) -> None:
        """Have it tell a whole run; an answer comes when that is done."""
        self._send({"tell": os.path.abspath(directory)})

    def close(self) -> None:
        """End it at once: to be called when nothing is left to do, or nothing may be waited for."""
        self._child.kill()
        self._child.wait()
        if self._child.stdin is not None:
            self._child.stdin.close()

    def _send(self, command: dict[str, Any]) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(command).encode() + b"\n")
            self._child.stdin.flush()
        except OSError:  # `_read` has said so, or is about to
            return

    def _read(self) -> None:
        assert self._child.stdout is not None
        with self._child.stdout as answers:
            for line in answers:
                self.answers.put(json.loads(line))
        self.answers.put(GONE)


_idle: dict[tuple[Any, ...], Process] = {}


def taken(tracker: Tracker) -> Process:
    """A process for the tool: one that has done its work for a run before, or a new one.

    A sweep in one process imports each tool once.

    Raises:
        OSError: it can't be started.
    """
    found = _idle.pop(_key(tracker), None)
    if found is not None and found.answers.empty():
        return found
    if found is not None:  # it has died since
        found.close()
    return Process(tracker)


def put_back(process: Process) -> None:
    """Keep a process for the next run; all it was told to do is done."""
    if not _idle:
        atexit.register(close_idle)
    before = _idle.pop(key := _key(process.tracker), None)
    if before is not None:
        before.close()
    while len(_idle) >= MOST_IDLE:  # the jobs of a sweep may differ in their mirrors' settings
        _idle.pop(next(iter(_idle))).close()
    _idle[key] = process


def close_idle() -> None:
    """End the processes that nobody uses."""
    atexit.unregister(close_idle)
    while _idle:
        _idle.popitem()[1].close()


def _key(tracker: Tracker) -> tuple[Any, ...]:
    """What a process can't change any more: settings, environment, where modules are found."""
    settings = json.dumps(tracker.settings(), sort_keys=True)
    environment = hash(frozenset(os.environ.items()))
    return type(tracker), settings, environment, tuple(sys.path), os.getpid()

"""The process that a tool works in: commands in, a line each; answers out.

    {"tracker": "iterun.trackers.mlflow.Mlflow", "settings": {…}}   first: what to work with
    {"follow": DIRECTORY}   tell the run from now on, as its iterations are recorded
    {"end": true}           tell the rest of it                     -> {"done": N} or {"failed": …}
    {"tell": DIRECTORY}     tell a whole run                        -> {"done": N} or {"failed": …}

Nothing is lost while a tool is slow: what it has not been told yet stands in the run's own record.
When the other side is gone (it was killed), the run that is followed is told to its end.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.trackers.follow import Follower, tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from iterun.trackers.tracker import Tracker

LOOK_EVERY = 0.5  # seconds between two looks at the record
LAST_WISH = 120.0  # seconds for what is still to be written when the other side is gone
_NICE = 10
Command = dict[str, Any]


class Server:
    """Does what it is told, one command after the other.

    Args:
        answer: takes an object for the other side.
    """

    def __init__(self, answer: Callable[[Command], None]) -> None:
        self._answer = answer
        self._tracker: Tracker | None = None
        self._follower: Follower | None = None
        self._fault: Exception | None = None

    def serve(self, commands: queue.Queue[Command | None]) -> None:
        """Until None comes."""
        while True:
            wait = None if self._follower is None else LOOK_EVERY
            try:
                command = commands.get(timeout=wait)
            except queue.Empty:
                command = {}
            try:
                self._do({"end": True} if command is None else command)
            except Exception as error:  # noqa: BLE001  # a foreign package may raise anything
                self._follower = None
                self._answer({"failed": said(error)})
            if command is None:
                return

    def _do(self, command: Command) -> None:
        if "tracker" in command:
            self._prepare(command["tracker"], command["settings"])
        elif "follow" in command:
            os.nice(max(0, _NICE - os.nice(0)))  # once, however many runs it follows
            self._follower = Follower(self._known(), Path(command["follow"]))
        elif "tell" in command:
            self._answer({"done": tell(self._known(), Path(command["tell"]))})
        elif self._follower is None:
            return
        elif "end" in command:
            self._follower.finish()
            self._answer({"done": self._follower.written})
            self._follower = None
        else:
            self._follower.catch_up()

    def _prepare(self, target: str, settings: Command) -> None:
        """Import the tool, while the run still loads its model; what fails is told when used."""
        module, _, name = target.rpartition(".")
        try:
            self._tracker = getattr(import_module(module), name)(**settings)
            import_module(self._tracker.package)
        except Exception as error:  # noqa: BLE001  # a foreign package may raise anything
            self._fault = error

    def _known(self) -> Tracker:
        if self._fault is not None:
            raise self._fault
        assert self._tracker is not None
        return self._tracker


def said(error: BaseException) -> str:
    """An error on one line: its kind and the first thing it says."""
    first = str(error).strip().partition("\n")[0][:300]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def main() -> None:
    """Serve the process that started this one."""
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)  # what the tools print is not for the one who waits for answers
    commands: queue.Queue[Command | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        alarm = threading.Timer(LAST_WISH, os._exit, [1])
        alarm.daemon = True
        alarm.start()
        commands.put(None)

    def answer(value: Command) -> None:
        try:
            answers.write(json.dumps(value) + "\n")
        except BrokenPipeError:
            return  # nobody is there to hear it

    threading.Thread(target=read, daemon=True).start()
    Server(answer).serve(commands)


if __name__ == "__main__":
    main()

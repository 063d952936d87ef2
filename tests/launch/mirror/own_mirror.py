"""A tool of a user's own, in a package that offers it to iterun: it writes down what it hears."""

import json
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from iterun.store.rows import Row
from iterun.store.schema import Iteration
from iterun.trackers.tracker import NOTHING_YET, Tracker


@dataclass(kw_only=True)
class Notebook(Tracker):
    """One file a run, one line a thing heard."""

    fails: str | None = None  #: "begin", "iterations" or "end": there it raises
    hangs: bool = False  #: never comes back from `end`
    tool: ClassVar[str] = "notebook"
    package: ClassVar[str] = "json"

    def begin(self, run: Row) -> int:
        self._path = Path(str(self.place), f"{run.id}.jsonl")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._note(began=run.id, parameters=run.parameters, pid=os.getpid(), nice=os.nice(0))
        self._fail_in("begin")
        return NOTHING_YET

    def iterations(self, lines: Sequence[Iteration]) -> None:
        self._fail_in("iterations")
        for line in lines:
            self._note(i=line.i, metrics=line.metrics)

    def end(self, run: Row) -> None:
        self._fail_in("end")
        if self.hangs:
            threading.Event().wait()
        self._note(ended=run.state)

    def _note(self, **what: Any) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")

    def _fail_in(self, where: str) -> None:
        if self.fails == where:
            raise OSError(28, "No space left on device")


@dataclass(kw_only=True)
class Absent(Notebook):
    """Its package is not installed."""

    tool: ClassVar[str] = "absent"
    package: ClassVar[str] = "package_that_nobody_has"

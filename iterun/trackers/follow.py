"""Telling a tool what a run directory says: all of it, or what is new since the last look."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iterun.errors import StoreError
from iterun.store import disk, lines, paths
from iterun.store.reader import RunView
from iterun.store.rows import row_of
from iterun.store.schema import Iteration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iterun.trackers.tracker import Tracker

AT_ONCE = 500  #: iterations handed over together
LARGEST_PICTURE = 16 << 20  #: bytes
MOST_PICTURES = 200  #: of a run
MOST_PIXELS = 1 << 26  #: of one
_PNG = b"\x89PNG\r\n\x1a\n"


class Follower:
    """One run as one tool hears of it; whatever the tool raises comes through.

    Args:
        tracker: the tool.
        directory: the run's.
    """

    def __init__(self, tracker: Tracker, directory: Path) -> None:
        self.tracker = tracker
        self.directory = directory
        self.told = tracker.begin(row_of(directory))  #: the last iteration that the tool has
        self.written = 0  #: iterations that it was told
        self._offset = 0

    def catch_up(self) -> None:
        """Tell all iterations that are recorded and not told yet."""
        for some in self._new():
            self.tracker.iterations(some)
            self.told = some[-1].i
            self.written += len(some)

    def finish(self) -> None:
        """Tell the rest, the pictures, and how the run stands now."""
        self.catch_up()
        for path in self._pictures():
            folder, _, name = (
                path.relative_to(self.directory / paths.ARTIFACTS).as_posix().partition("/")
            )
            i = paths.iteration_number(folder) if name else None
            whole = f"{folder}/{name}" if name else folder
            self.tracker.picture(name if i is not None else whole, i, path)
        self.tracker.end(row_of(self.directory))

    def _new(self) -> Iterator[list[Iteration]]:
        """Iterations after `told`, some at a time; a torn last line waits for its end."""
        path = self.directory / paths.ITERATIONS
        if not path.exists() or path.stat().st_size <= self._offset:
            return
        some: list[Iteration] = []
        with open(path, "rb", opener=disk.no_link) as file:
            start = file.seek(self._offset)
            for line in lines.read_lines(file, path):
                self._offset = start + line.end
                if (found := _iteration(line, path)).i > self.told:
                    some.append(found)
                if len(some) == AT_ONCE:
                    yield some
                    some = []
        if some:
            yield some

    def _pictures(self) -> list[Path]:
        found = [path for path in RunView(self.directory).artifacts() if path.suffix == ".png"]
        return [path for path in found if _is_picture(path)][:MOST_PICTURES]


def _iteration(line: lines.Line, path: Path) -> Iteration:
    try:
        return Iteration.from_json(line.value)
    except ValueError as error:
        raise StoreError(f"{path}: byte {line.start} is no iteration: {error}") from error


def _is_picture(path: Path) -> bool:
    """Whether every tool takes it: a PNG by its head too, and neither huge nor a bomb."""
    with open(path, "rb", opener=disk.no_link) as file:
        head, size = file.read(24), os.fstat(file.fileno()).st_size
    if len(head) < 24 or not head.startswith(_PNG) or size > LARGEST_PICTURE:
        return False
    width, height = (int.from_bytes(head[k : k + 4]) for k in (16, 20))
    return 0 < width * height <= MOST_PIXELS


def tell(tracker: Tracker, directory: Path) -> int:
    """Tell a tool a whole run; how many iterations were new to it."""
    follower = Follower(tracker, directory)
    follower.finish()
    return follower.written

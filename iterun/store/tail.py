"""The lines of a run as they come: read on from where the last look ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from iterun.errors import StoreError
from iterun.store.reader import RunView
from iterun.store.schema import Iteration, decode

if TYPE_CHECKING:
    from pathlib import Path

_KNOWN = 256  #: bytes before the offset that must still be there
_PART = 1 << 20  #: bytes read at once
_LONGEST = 64 << 20  #: bytes of a line; a longer one is not ours


class Tail:
    """Follows iterations.jsonl of one run.

    A resume moves lines away: the file shrinks, and may have grown beyond the old size until we
    look again. What stood before the offset is then no longer there, and all is read anew.

    Args:
        directory: the run directory.
    """

    def __init__(self, directory: Path) -> None:
        self.view = RunView(directory)
        self._offset = 0
        self._before = b""  # what stands just before the offset
        self.has_restarted = False  #: the last look began from the first line again

    def new(self) -> list[Iteration]:
        """The whole lines that were added; all of them again after a resume has moved some away.

        A line that can't be read is passed over: `iterun doctor --runs` tells of it.

        Raises:
            StoreError: the file can't be read.
        """
        found: list[Iteration] = []
        self.has_restarted = False
        try:
            file = self.view.open_iterations()
        except StoreError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return []  # the run is just being made
            raise
        with file:
            file.seek(self._offset - len(self._before))
            if file.read(len(self._before)) != self._before:
                self._offset, self._before, self.has_restarted = 0, b"", True
                file.seek(0)
            self._read(file, found)
        return found

    def _read(self, file: BinaryIO, found: list[Iteration]) -> None:
        rest = b""
        while (part := file.read(_PART)) and len(rest) <= _LONGEST:
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                self._pass(line + b"\n", found)

    def _pass(self, line: bytes, found: list[Iteration]) -> None:
        self._offset += len(line)
        self._before = (self._before + line)[-_KNOWN:]
        try:
            found.append(Iteration.from_json(decode(line)))
        except ValueError:
            return

"""A run directory seen from outside: read-only, lazy, and wary of what it finds. No torch."""

import errno
import os
import stat
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from iterun.errors import StoreError
from iterun.store import lines, paths, process
from iterun.store.schema import (
    LOST,
    RUNNING,
    Iteration,
    Record,
    RunRecord,
    Status,
    Summary,
    decode,
)

R = TypeVar("R", bound=Record)

LARGEST_FILE = 64 << 20  #: bytes of a JSON file; ours have some kB
LARGEST_LOG = 4 << 30  #: bytes of iterations.jsonl

_NEXT_STEP = {
    paths.RUN: "without it the folder is no run: put it back from a copy, or remove the folder",
    paths.CONFIG: "`.hydra/config.yaml` holds the same settings: start the run anew from them",
    paths.STATUS: "remove this file: the run then shows as lost, and `iterun resume` goes on",
    paths.SUMMARY: "remove this file: `iterun show` then reads the iterations themselves",
    paths.MARKS: "remove this file: it holds tags and a note, and nothing of the run itself",
    paths.ITERATIONS: "put it back from a copy; `iterun ls` and its filters work without it",
}


class RunView:
    """One run directory.

    Nothing is read before it is asked for, and then once. No link below the directory is followed.
    All members raise `StoreError`, naming the file and a next step, if their file can't be read.

    Args:
        directory: the run directory; it may be a link itself.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self._prefix = f"{os.fspath(directory)}/"

    @property
    def id(self) -> str:
        """The run's id, from run.json."""
        return self.record.id

    @property
    def system(self) -> str:
        """The system, as "prune/perp"."""
        return self.record.system

    @cached_property
    def record(self) -> RunRecord:
        """run.json."""
        if not os.path.isdir(self.directory):  # Path's own raises where one may not look
            raise StoreError(
                f"{self.directory} is not a run directory: there is no such folder to be seen",
                hint="`iterun ls` lists the runs",
            )
        return self._read(RunRecord, paths.RUN)

    @cached_property
    def config(self) -> dict[str, Any]:
        """config.json: the resolved config."""
        config = self.decoded(paths.CONFIG)
        if not isinstance(config, dict):
            raise self.unreadable(paths.CONFIG, "not a JSON object")
        return config

    @cached_property
    def status(self) -> Status:
        """status.json; of a run that has none, a status that is `lost`."""
        try:
            return self._read(Status, paths.STATUS)
        except StoreError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            return Status(state=LOST, reason="status.json is missing")

    @property
    def state(self) -> str:
        """How the run stands: `lost` if it is said to run and its process is gone."""
        return true_state(self.status)

    @cached_property
    def summary(self) -> Summary | None:
        """summary.json; None before the first checkpoint."""
        try:
            return self._read(Summary, paths.SUMMARY)
        except StoreError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            return None

    def iterations(self) -> list[Iteration]:
        """All recorded iterations, in order; a torn last line is passed over."""
        with self.open_iterations() as file:
            return list(self._iterations(file))

    def open_iterations(self) -> BinaryIO:
        """iterations.jsonl, for those who read it otherwise than whole and line by line."""
        return open(self._open(paths.ITERATIONS, LARGEST_LOG)[0], "rb")

    def checkpoints(self) -> list[int]:
        """The iterations that have a checkpoint, ascending."""
        if (self.directory / paths.CHECKPOINTS).is_symlink():
            return []
        from iterun.store import checkpoint

        return checkpoint.available(self.directory)

    def artifacts(self) -> list[Path]:
        """The delivered files, sorted; neither hidden ones nor links nor what links lead to."""
        from iterun.store import trees

        found = trees.walk(self.directory / paths.ARTIFACTS, hidden=False)
        return sorted(Path(entry.path) for entry in found if trees.is_file(entry))

    def appended(self, name: str) -> list[dict[str, Any]]:
        """The rows of an artifact that grows by lines, as transcript.jsonl; a torn end is left out.

        Raises:
            StoreError: there is none, or it can't be read.
        """
        artifact = f"{paths.ARTIFACTS}/{name}"
        if (self.directory / paths.ARTIFACTS).is_symlink():
            raise self.unreadable(artifact, "behind a link, which is not followed")
        with open(self._open(artifact, LARGEST_LOG)[0], "rb") as file:
            found = lines.read_lines(file, self.directory / artifact)
            return [line.value for line in found if isinstance(line.value, dict)]

    def log(self, most: int = LARGEST_FILE) -> str:
        """log.txt, its last `most` bytes; empty if nothing was logged."""
        try:
            with open(self._open(paths.LOG, LARGEST_LOG)[0], "rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - most))
                return file.read().decode(errors="replace")
        except StoreError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            return ""

    def patch(self) -> str:
        """code.patch: the uncommitted changes of the user's code; empty if there were none."""
        try:
            with open(self._open(paths.PATCH, LARGEST_FILE)[0], "rb") as file:
                return file.read().decode(errors="replace")
        except StoreError as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            return ""

    def _iterations(self, file: BinaryIO) -> Iterator[Iteration]:
        path = self.directory / paths.ITERATIONS
        for line in lines.read_lines(file, path):
            try:
                yield Iteration.from_json(line.value)
            except ValueError as error:
                raise lines.bad_line(path, line.number, f"is no iteration: {error}") from error

    def _read(self, kind: type[R], name: str) -> R:
        try:
            return kind.from_json(self.decoded(name))
        except ValueError as error:
            raise self.unreadable(name, str(error)) from error

    def has(self, name: str) -> bool:
        """Whether something of this name stands in the directory, be it readable or not."""
        return os.path.lexists(f"{self._prefix}{name}")

    def decoded(self, name: str) -> Any:
        """What a JSON file of the directory itself holds; its cause tells if there is none."""
        fd, size = self._open(name, LARGEST_FILE)
        try:
            raw = os.read(fd, size)
        finally:
            os.close(fd)
        try:
            return decode(raw)
        except ValueError as error:
            what = f"not JSON ({error})" if raw.strip() else "empty"
            raise self.unreadable(name, what) from error

    def _open(self, name: str, largest: int) -> tuple[int, int]:
        """Open a regular file of the directory itself; a pipe or a link is not waited for.

        Returns:
            The descriptor and the file's size.
        """
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            fd = os.open(f"{self._prefix}{name}", flags)
        except OSError as error:
            link = error.errno == errno.ELOOP
            fault = "a link, which is not followed" if link else (error.strerror or "").lower()
            raise self.unreadable(name, fault) from error
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > largest:
            os.close(fd)
            large = stat.S_ISREG(found.st_mode)
            fault = f"larger than {largest >> 20} MiB" if large else "not a regular file"
            raise self.unreadable(name, fault)
        return fd, found.st_size

    def unreadable(self, name: str, fault: str) -> StoreError:
        """The error for a file of the directory, with its next step."""
        return StoreError(
            f"{self.directory / name} can't be read: {fault}", hint=_NEXT_STEP.get(name, "")
        )


def true_state(status: Status) -> str:
    """The state to show: `lost` if the run is said to run and its process is gone."""
    if status.state == RUNNING and not process.is_alive(status):
        return LOST
    return status.state

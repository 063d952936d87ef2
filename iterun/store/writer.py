"""The only writer of a run directory. Lines are appended whole; all else is written and renamed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from iterun.store import claim, cut, disk, lines, paths, process
from iterun.store import patch as code
from iterun.store.artifacts import Artifacts
from iterun.store.reader import RunView
from iterun.store.schema import RUNNING, encode
from iterun.store.status_file import StatusFile

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from iterun.store.schema import RunRecord, Status, Summary
    from iterun.types import Ref

_NONE: Mapping[str, Any] = {}


class RunWriter:
    """Made by `create` or `reopen`; one at a time for a run directory.

    Every method that writes raises `DiskError` when the disk is full or may not be written, and
    leaves what stood before.
    """

    def __init__(self, directory: Path, record: RunRecord, status: Status) -> None:
        self.directory = directory
        self.record = record
        self._status = StatusFile(directory / paths.STATUS, status)
        self._format = lines.IterationFormat()
        self._artifacts = Artifacts(directory)
        self._path = directory / paths.ITERATIONS
        self._fd, self._size = _open_lines(self._path)
        self._first_sync = True

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        record: RunRecord,
        config: Mapping[str, Any],
        patch: str | None = None,
    ) -> RunWriter:
        """Start a run in a folder that is new, empty or holds only Hydra's `.hydra`.

        Args:
            directory: the run directory.
            record: goes to run.json, last of all: without it the folder is no run yet.
            config: the resolved config.
            patch: the working tree's difference from `record.git["commit"]`.

        Raises:
            StoreError: the folder holds something else.
        """
        with disk.disk_errors(directory):
            claim.take_new(directory)
            status = process.own_status(RUNNING, attempt=1)
            write_first(directory, record=record, config=config, status=status, patch=patch)
        return cls(directory, record, status)

    @classmethod
    def reopen(cls, directory: Path) -> RunWriter:
        """Go on with a run whose process is gone: one attempt more, `running` again.

        What a killed writer left half written is removed. Call `drop_after` next.

        Raises:
            StoreError: the run is alive, is just being reopened by another, or can't be read.
        """
        record = RunView(directory).record
        with disk.disk_errors(directory):
            status = claim.take_over(directory)
            disk.clean(directory)
            disk.touch(directory.parent)  # tells the index to look at finished runs again
        return cls(directory, record, status)

    @property
    def attempt(self) -> int:
        """1 for a fresh run, one more for each resume."""
        return self._status.now.attempt

    def append(
        self,
        i: int,
        *,
        seconds: float,
        metrics: Mapping[str, float],
        cost: Mapping[str, float] = _NONE,
        labels: Mapping[str, str] = _NONE,
        files: Sequence[str] = (),
    ) -> None:
        """Record iteration i: one line, one write; it survives the end of this process.

        Args:
            i: the iteration.
            seconds: how long it took.
            metrics: numbers that replay equals; not finite ones too.
            cost: timings, memory, throughput.
            labels: words.
            files: paths relative to the run directory, as `files()` lists them.
        """
        line = self._format.line(
            i, seconds=seconds, metrics=metrics, cost=cost, labels=labels, files=files
        )
        self._size = disk.write_all(self._fd, line, size=self._size, path=self._path)
        self._artifacts.written.clear()
        self._status.now.iteration = i

    def sync(self) -> None:
        """Wait until iterations and appended rows are on the disk: before each checkpoint."""
        disk.sync_data(self._fd, self._path)
        self._artifacts.sync()
        if self._first_sync:  # create did not wait
            for name in (paths.RUN, paths.CONFIG, paths.STATUS):
                disk.sync_file(self.directory / name)
            disk.sync_folder(self.directory)
            self._first_sync = False

    def status(
        self,
        state: str,
        *,
        reason: str | None = None,
        error: str | None = None,
        iteration: int | None = None,
    ) -> None:
        """Say how the run stands. On a full disk the old file's own space is used."""
        self._status.set(state, reason=reason, error=error, iteration=iteration)

    def start_heartbeat(self, every: float = 10.0) -> None:
        """Say every `every` seconds, from a thread, that the run is alive, and how far it is."""
        self._status.start_heartbeat(every)

    def length(self, iterations: int | None) -> None:
        """Say how many iterations there will be, for those who watch; None: until a rule ends."""
        if iterations != self._status.now.length:
            self._status.now.length = iterations
            self.status(RUNNING)

    def summary(self, summary: Summary) -> None:
        """Write summary.json."""
        data = encode(summary.to_json()) + b"\n"
        disk.write_beside(self.directory / paths.SUMMARY, data, durable=True)

    def check_drop(self, k: int) -> None:
        """Whether `drop_after(k)` will find all that it needs; nothing is changed.

        Raises:
            StoreError: a line or row up to k can't be read, or a link is in the way.
        """
        disk.refuse_links(self.directory, self.directory / paths.dropped_lines(self.attempt))
        cut.check(self._path, k)
        self._artifacts.check_drop(k, self.attempt)

    def drop_after(
        self, k: int, *, checkpoint: int | None = None, keep: Collection[str] = ()
    ) -> int:
        """Go back to iteration k: what came later is moved aside, never lost.

        Lines after k, and a torn last one, go to `iterations.dropped-<attempt>.jsonl`; later rows
        of appended files, and files that dropped lines name, to `artifacts/.dropped-<attempt>/`.
        k = -1 drops everything. What an unfinished iteration saved stays until it is saved anew.

        Args:
            k: the last iteration that stays.
            checkpoint: the number of the one that is gone on from, if it isn't k: one inside
                iteration k + 1. The files that it refers to stay, or come back.
            keep: files of the iteration that it lies in, from before it was taken.

        Returns:
            How many lines were dropped; a torn one does not count.

        Raises:
            StoreError: as `check_drop`; nothing was moved.
        """
        self.check_drop(k)
        dropped = self.directory / paths.dropped_lines(self.attempt)
        gone = cut.cut_after(self._path, k, dropped)
        self._size = os.fstat(self._fd).st_size
        with disk.disk_errors(self.directory):
            self._artifacts.drop_after(
                k, gone.files, self.attempt, k if checkpoint is None else checkpoint, keep
            )
        self._status.now.iteration = k if k >= 0 else None
        self.status(RUNNING)
        return gone.n_lines

    def resolve(self, values: Mapping[str, Any]) -> None:
        """Add to run.json what parameters of null became; known only once `start` is done."""
        if values.items() <= self.record.resolved.items():
            return
        self.record.resolved = {**self.record.resolved, **values}
        data = encode(self.record.to_json()) + b"\n"
        disk.write_beside(self.directory / paths.RUN, data, durable=True)

    def rewrite_config(self, config: Mapping[str, Any]) -> None:
        """Replace config.json; the old one stays as `config.<attempt>.json`."""
        path, old = self.directory / paths.CONFIG, self.directory / paths.old_config(self.attempt)
        with disk.disk_errors(old):
            if not old.exists():
                disk.write_beside(old, path.read_bytes(), durable=True)
        disk.write_beside(path, encode(dict(config)) + b"\n", durable=True)

    def log(self, text: str) -> None:
        """Add lines to log.txt, which is made on first use."""
        path = self.directory / paths.LOG
        with disk.disk_errors(path):
            fd = disk.open_append(path)
            try:
                line = text.rstrip("\n").encode(errors="backslashreplace") + b"\n"
                disk.write_all(fd, line, size=os.fstat(fd).st_size, path=path)
            finally:
                os.close(fd)

    def save_bytes(
        self, name: str, data: bytes | Callable[[Path], None], *, at: int | None = None
    ) -> Ref:
        """Save an artifact whole or not at all.

        Args:
            name: relative to `artifacts`; `{i}` in it stands for the iteration.
            data: the content, or a function that writes it to the path it is given.
            at: the iteration it belongs to: it goes to `artifacts/0007/` unless `name` holds `{i}`.

        Returns:
            Its path and hash. A file of that name that a checkpoint refers to is put aside.

        Raises:
            StoreError: the name leads out of `artifacts`.
        """
        return self._artifacts.save(name, data, at=at)

    def append_rows(self, name: str, i: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of iteration i to an artifact, as JSON lines that carry "i"."""
        self._artifacts.append(name, i, rows)

    def folder(
        self, name: str, *, at: int | None = None
    ) -> contextlib.AbstractContextManager[Path]:
        """A new folder to write in; it becomes the artifact `name` when left without an error."""
        return self._artifacts.folder(name, at=at)

    def load(self, ref: Ref) -> Path:
        """The file of a Ref.

        Raises:
            StoreError: it is gone or its content is not what was saved.
        """
        return self._artifacts.load(ref)

    def files(self) -> list[str]:
        """Artifacts of an iteration that were written since the last `append`."""
        return list(self._artifacts.written)

    def forget_files(self) -> None:
        """Have `files` start anew."""
        self._artifacts.written.clear()

    def close(self) -> None:
        """Stop the heartbeat and close the files; the status stays as it is."""
        self._status.stop_heartbeat()
        self._artifacts.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def write_first(
    directory: Path, *, record: RunRecord, config: Mapping[str, Any], status: Status,
    patch: str | None = None,
) -> None:  # fmt: skip
    """Write what makes a folder a run, run.json last; arguments as of `RunWriter.create`."""
    if patch is not None:
        record.git = {**(record.git or {}), "patch": paths.PATCH}
        code.write(directory, patch)
    for name, data in (
        (paths.CONFIG, dict(config)),
        (paths.STATUS, status.to_json()),
        (paths.RUN, record.to_json()),
    ):
        disk.write_beside(directory / name, encode(data) + b"\n", durable=False)


def _open_lines(path: Path) -> tuple[int, int]:
    with disk.disk_errors(path):
        fd = disk.open_append(path)
    return fd, os.fstat(fd).st_size

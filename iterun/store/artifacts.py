"""What a run delivers: files in `artifacts`, each written beside and renamed, known by its hash."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from iterun.errors import StoreError
from iterun.store import checkpoint, cut, disk, paths
from iterun.store.schema import decode, encode
from iterun.types import Ref

Content = bytes | Callable[[Path], None]


class Artifacts:
    """The writer of a run's `artifacts` folder. Used through `RunWriter`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory  #: of the run
        self.root = directory / paths.ARTIFACTS
        self.written: list[str] = []  #: of the iteration that goes on, relative to the run
        self._open: dict[str, tuple[int, int]] = {}  #: name → descriptor and size

    def save(self, name: str, data: Content, *, at: int | None) -> Ref:
        """Write one artifact; see `RunWriter.save_bytes`."""
        target = self._target(name, at)
        part = disk.part_of(target)
        with disk.disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(data) if isinstance(data, bytes) else data(part)
                digest = disk.file_hash(part)
                self._keep_old(target)
                os.replace(part, target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        return Ref(self._note(target, at), digest)

    @contextlib.contextmanager
    def folder(self, name: str, *, at: int | None) -> Iterator[Path]:
        """A folder that takes its name when left without an error; see `RunWriter.folder`."""
        target = self._target(name, at)
        part = disk.part_of(target)
        with disk.disk_errors(target):
            part.mkdir(parents=True)
            try:
                yield part
                disk.replace_folder(part, target)
            finally:
                shutil.rmtree(part, ignore_errors=True)
        self._note(target, at)

    def append(self, name: str, i: int, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add lines to an artifact; see `RunWriter.append_rows`."""
        name = paths.artifact_name(name)
        data = b"".join(
            encode({"i": i, **{key: row[key] for key in row if key != "i"}}) + b"\n" for row in rows
        )
        path = self.root / name
        fd, size = self._open.get(name) or self._open_rows(name, path)
        self._open[name] = fd, disk.write_all(fd, data, size=size, path=path)

    def load(self, ref: Ref) -> Path:
        """The file of a Ref, its hash checked; see `RunWriter.load`."""
        return find(self.directory, ref)

    def sync(self) -> None:
        """Wait until appended rows are on the disk."""
        for name, (fd, _) in self._open.items():
            disk.sync_data(fd, self.root / name)

    def close(self) -> None:
        """Close the appended files."""
        for fd, _ in self._open.values():
            os.close(fd)
        self._open.clear()

    def drop_after(self, k: int, files: Iterable[str], attempt: int) -> None:
        """Take rows after iteration k, and the files of given-up lines, to a folder of their own.

        A file that checkpoint k refers to, and that was replaced since, comes back.
        """
        self.close()
        dropped = self.root / paths.dropped_artifacts(attempt)
        for name in appended(self.root):
            if inside(self.root, name):
                cut.cut_after(self.root / name, k, dropped / name)
        for name in files:
            short = name.removeprefix(f"{paths.ARTIFACTS}/")
            if inside(self.root, short):
                (dropped / short).parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.root / short, dropped / short)
        if k in checkpoint.available(self.directory):
            for ref in checkpoint.references(self.directory, k):
                self._bring_back(ref)

    def _target(self, name: str, at: int | None) -> Path:
        target = self.root / paths.artifact_name(name, at)
        for folder in (self.root, *target.parents):
            if folder.is_relative_to(self.root) and folder.is_symlink():
                raise StoreError(f"{folder} is a link", hint="iterun writes to no linked folder")
        return target

    def _note(self, target: Path, at: int | None) -> str:
        name = target.relative_to(self.directory).as_posix()
        if at is not None and name not in self.written:
            self.written.append(name)
        return name

    def _open_rows(self, name: str, path: Path) -> tuple[int, int]:
        with disk.disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            names = appended(self.root)
            if name not in names:
                disk.write_beside(self.root / paths.APPENDED, encode([*names, name]), durable=True)
            fd = os.open(path, disk.APPEND, 0o666)
        return fd, os.fstat(fd).st_size

    def _keep_old(self, target: Path) -> None:
        """Put aside the file that is about to be replaced if a checkpoint refers to its content."""
        if not target.is_file():
            return
        name = target.relative_to(self.directory).as_posix()
        wanted = {
            ref.sha256
            for i in checkpoint.available(self.directory)
            for ref in checkpoint.references(self.directory, i)
            if ref.path == name
        }
        if wanted and (digest := disk.file_hash(target)) in wanted:
            kept = self.root / paths.KEPT / digest
            kept.parent.mkdir(exist_ok=True)
            os.replace(target, kept)

    def _bring_back(self, ref: Ref) -> None:
        kept, target = self.root / paths.KEPT / ref.sha256, self.directory / ref.path
        if kept.is_file() and not (target.is_file() and disk.file_hash(target) == ref.sha256):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(kept, target)


def find(directory: Path, ref: Ref) -> Path:
    """The file of a Ref, in its place or put aside.

    Raises:
        StoreError: it is gone, was changed, or the path leads out of the run.
    """
    name = ref.path.removeprefix(f"{paths.ARTIFACTS}/")
    if inside(directory / paths.ARTIFACTS, name) and len(ref.sha256) == 64:
        for path in (directory / ref.path, directory / paths.ARTIFACTS / paths.KEPT / ref.sha256):
            if path.is_file() and disk.file_hash(path) == ref.sha256:
                return path
    raise StoreError(
        f"{directory / ref.path} is gone or not what this run wrote (SHA-256 {ref.sha256[:12]}…)",
        hint="put the file back, or go on from an earlier iteration: `iterun show RUN` lists them",
    )


def appended(root: Path) -> list[str]:
    """The names, relative to `artifacts`, of files that grow by rows."""
    try:
        names = decode((root / paths.APPENDED).read_bytes())
    except FileNotFoundError:
        return []
    except ValueError:
        names = None
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise StoreError(
        f"{root / paths.APPENDED} can't be read",
        hint='write the names of the appended files in it, as in ["transcript.jsonl"]',
    )


def inside(root: Path, name: str) -> bool:
    """Whether `name` is a regular file below `root`, with no link on the way."""
    try:
        path = root / paths.artifact_name(name)
    except StoreError:
        return False
    steps = [path, *path.parents[: len(path.parts) - len(root.parts)]]
    return path.is_file() and not any(step.is_symlink() for step in steps)

"""What a run delivers: files in `artifacts`, each written beside and renamed, known by its hash."""

import contextlib
import os
import shlex
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
        self._unsynced: set[Path] = set()  #: files, and folders with all that is in them

    def save(self, name: str, data: Content, *, at: int | None) -> Ref:
        """Write one artifact; see `RunWriter.save_bytes`."""
        target = self._target(name, at)
        part = disk.part_of(target)
        with disk.disk_errors(target):
            disk.make_folder(self.directory, target.parent)
            try:
                part.write_bytes(data) if isinstance(data, bytes) else data(part)
                digest = disk.file_hash(part)
                self._keep_old(target)
                os.replace(part, target)
                self._unsynced.add(target)
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
            disk.make_folder(self.directory, target.parent)
            part.mkdir()
            try:
                yield part
                disk.replace_folder(part, target)
                self._unsynced.add(target)
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
        """Wait until appended rows, and what was saved since the last time, are on the disk."""
        if self._unsynced:
            disk.sync_trees(self._unsynced, self.directory)
            self._unsynced.clear()
        for name, (fd, _) in self._open.items():
            disk.sync_data(fd, self.root / name)

    def close(self) -> None:
        """Close the appended files."""
        for fd, _ in self._open.values():
            os.close(fd)
        self._open.clear()

    def check_drop(self, k: int, attempt: int) -> None:
        """See `RunWriter.check_drop`."""
        disk.refuse_links(self.directory, self.root / paths.dropped_folder(attempt))
        for name in self._grown():
            cut.check(self.root / name, k)

    def drop_after(
        self, k: int, files: Iterable[str], attempt: int, taken: int, keep: Collection[str]
    ) -> None:
        """Take rows after iteration k, and the files of given-up lines, to a folder of their own.

        Files that checkpoint `taken` refers to stay, or come back if they were replaced since; so
        do those that `keep` names.
        """
        self.close()
        dropped = self.root / paths.dropped_folder(attempt)
        there = taken in checkpoint.available(self.directory)
        refs = checkpoint.references(self.directory, taken) if there else []
        replaced = {ref for ref in refs if self._kept(ref) is not None}
        stay = {*keep, *(ref.path for ref in refs)} - {ref.path for ref in replaced}
        for name in self._grown():
            disk.make_folder(self.directory, (dropped / name).parent)
            cut.cut_after(self.root / name, k, dropped / name)
        for name in files:
            short = name.removeprefix(f"{paths.ARTIFACTS}/")
            if name not in stay and inside(self.root, short):
                disk.make_folder(self.directory, (dropped / short).parent)
                os.replace(self.root / short, dropped / short)
        for ref in replaced:
            self._bring_back(ref)

    def _grown(self) -> list[str]:
        """The appended files that are there."""
        return [name for name in appended(self.directory) if inside(self.root, name)]

    def _target(self, name: str, at: int | None) -> Path:
        target = self.root / paths.artifact_name(name, at)
        disk.refuse_links(self.directory, target.parent)
        return target

    def _note(self, target: Path, at: int | None) -> str:
        name = target.relative_to(self.directory).as_posix()
        if at is not None and name not in self.written:
            self.written.append(name)
        return name

    def _open_rows(self, name: str, path: Path) -> tuple[int, int]:
        with disk.disk_errors(path):
            disk.make_folder(self.directory, path.parent)
            names = appended(self.directory)
            if name not in names:
                disk.write_beside(self.root / paths.APPENDED, encode([*names, name]), durable=True)
            fd = disk.open_append(path)
            self._unsynced.add(path)
        return fd, os.fstat(fd).st_size

    def _keep_old(self, target: Path) -> None:
        """Put aside the file that is about to be replaced if a checkpoint refers to its content."""
        if not target.is_file() or target.is_symlink():
            return
        wanted = self._wanted(target.relative_to(self.directory).as_posix())
        if wanted == set():
            return
        digest = disk.file_hash(target)
        if wanted is None or digest in wanted:
            kept = self.root / paths.KEPT / digest
            disk.make_folder(self.directory, kept.parent)
            os.replace(target, kept)
            self._unsynced.add(kept)

    def _wanted(self, name: str) -> set[str] | None:
        """The contents of a file that checkpoints refer to; None: one can't be read, so any."""
        try:
            return {
                ref.sha256
                for i in checkpoint.available(self.directory)
                for ref in checkpoint.references(self.directory, i)
                if ref.path == name
            }
        except StoreError:
            return None

    def _kept(self, ref: Ref) -> Path | None:
        """Where the file of a Ref was put aside, if it was replaced."""
        kept = self.root / paths.KEPT / ref.sha256
        return kept if _is_hash(ref.sha256) and disk.is_plain(self.directory, kept) else None

    def _bring_back(self, ref: Ref) -> None:
        kept, target = self._kept(ref), place(self.directory, ref)
        if kept is not None and target is not None:
            disk.make_folder(self.directory, target.parent)
            os.replace(kept, target)


def find(directory: Path, ref: Ref) -> Path:
    """The file of a Ref, in its place or put aside.

    Raises:
        StoreError: it is gone, was changed, or the path leads out of the run.
    """
    target = place(directory, ref)
    if target is not None and _is_hash(ref.sha256):
        for path in (target, directory / paths.ARTIFACTS / paths.KEPT / ref.sha256):
            if disk.is_plain(directory, path) and disk.file_hash(path) == ref.sha256:
                return path
    raise StoreError(
        f"{directory / ref.path} is gone or not what this run wrote (SHA-256 {ref.sha256[:12]}…)",
        hint="put the file back, or go on from an earlier iteration k by "
        f"`iterun resume {shlex.quote(directory.name)}@k`",
    )


def fault(directory: Path, ref: Ref, *, deep: bool) -> str | None:
    """What is wrong with the file of a Ref, as the end of a sentence; `deep`: hash it too."""
    target = place(directory, ref)
    if target is None or not _is_hash(ref.sha256):
        return "is no artifact's place"
    if deep:
        try:
            find(directory, ref)
        except StoreError:
            return "is gone or not what this run wrote"
        return None
    places = (target, directory / paths.ARTIFACTS / paths.KEPT / ref.sha256)
    return None if any(disk.is_plain(directory, path) for path in places) else "is gone"


def place(directory: Path, ref: Ref) -> Path | None:
    """Where the file of a Ref belongs; None if that is no artifact's place."""
    folder, _, name = ref.path.partition("/")
    try:
        return directory / folder / paths.artifact_name(name) if folder == paths.ARTIFACTS else None
    except StoreError:
        return None


def _is_hash(text: str) -> bool:
    return len(text) == 64 and text.isalnum()


def appended(directory: Path) -> list[str]:
    """The names, relative to `artifacts`, of a run's files that grow by rows."""
    path = directory / paths.ARTIFACTS / paths.APPENDED
    names = None
    try:
        disk.refuse_links(directory, path)
        names = decode(disk.read_small(path))
    except FileNotFoundError:
        return []
    except (ValueError, OSError):
        pass
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise StoreError(
        f"{path} can't be read",
        hint='write the names of the appended files in it, as in ["transcript.jsonl"]',
    )


def inside(root: Path, name: str) -> bool:
    """Whether `name` is a regular file below `root`, which is no link, with none on the way."""
    try:
        return disk.is_plain(root.parent, root / paths.artifact_name(name))
    except StoreError:
        return False

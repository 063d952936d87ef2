"""The beginning of a run in a folder of its own, and new runs that appear whole or not at all.

What is known by its content is never rewritten, so that a link to it is as good as a copy, and
stays when the other run is deleted. Everything else is copied, by reference where the file system
can (btrfs, XFS).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

from iterun.errors import StoreError
from iterun.store import artifacts, checkpoint, cut, disk, lines, paths, process
from iterun.store.schema import INTERRUPTED, Status, decode, encode
from iterun.store.writer import write_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from iterun.store.schema import RunRecord

_REASON = "fork"  # of a run that did not go on yet
_FICLONE = 0x40049409  # Linux: share the blocks of another file
_NO_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS}
_ABANDONED = 86400.0  # seconds after which what another machine began counts as given up


@contextlib.contextmanager
def appearing(directory: Path) -> Iterator[Path]:
    """A hidden folder that becomes the run directory when it is left without an error.

    Left by an error, it goes, and so do folders that were made for it. What a killed process left
    of its own is removed by the next one.

    Args:
        directory: the run directory, which is not there yet.

    Raises:
        StoreError: it is there by now.
        DiskError: it can't be made.
    """
    missing = [folder for folder in directory.parents if not folder.exists()]
    part = disk.part_of(directory)
    with disk.disk_errors(directory):
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(directory.parent)
            part.mkdir()
            status = encode(_status().to_json()) + b"\n"
            disk.write_beside(part / paths.STATUS, status, durable=False)
            yield part
            disk.sync_trees([part], part)
            _rename(part, directory)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            with contextlib.suppress(OSError):
                for folder in missing:
                    folder.rmdir()
            raise


def prefix(source: Path, k: int, target: Path) -> None:
    """Copy what a run was after iteration k: its lines, that checkpoint, and what both refer to.

    Args:
        source: a run, which may be alive.
        k: an iteration with a checkpoint that was taken right after it.
        target: a folder without any of this.

    Raises:
        StoreError: something of it is gone or can't be read.
        DiskError: no room for it.
    """
    try:
        with disk.disk_errors(target):
            cut.copy_head(source / paths.ITERATIONS, k, target / paths.ITERATIONS)
            _copy_checkpoint(source, k, target)
            _copy_artifacts(source, k, target)
    except FileNotFoundError as error:
        raise StoreError(
            f"{error.filename} went away while {source.name} was copied",
            hint="the run goes on, or is being deleted: try again, or name a later iteration",
        ) from error


def write_record(
    directory: Path, *, record: RunRecord, config: Mapping[str, Any], patch: str | None = None
) -> None:
    """Write what makes a folder a run: it stands as interrupted, to be gone on with.

    Args:
        directory: the folder, with lines and a checkpoint, or without.
        record: goes to run.json.
        config: the resolved config.
        patch: the working tree's difference from `record.git["commit"]`.

    Raises:
        DiskError: no room for it.
    """
    write_first(directory, record=record, config=config, status=_status(), patch=patch)


def _status() -> Status:
    """Before its first attempt; it names this process, so that nobody takes it for abandoned."""
    status = process.own_status(INTERRUPTED, attempt=0)
    status.reason = _REASON
    return status


def _rename(part: Path, directory: Path) -> None:
    try:
        os.rename(part, directory)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise StoreError(f"{directory} is in use already", hint="try again") from error
        raise
    disk.sync_folder(directory.parent)


def _remove_abandoned(folder: Path) -> None:
    """Remove runs that were to appear in `folder`, and whose process is gone."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.startswith(paths.PART) and e.is_dir()]
    for name in names:
        if is_abandoned(folder / name):
            shutil.rmtree(folder / name, ignore_errors=True)


def is_abandoned(part: Path) -> bool:
    """Whether a run that was to appear never will: its process is gone."""
    holder = Status(state=INTERRUPTED, heartbeat=time.time())
    try:
        holder = Status.from_json(decode(disk.read_small(part / paths.STATUS)))
    except (OSError, ValueError):  # being made this moment, or not ours
        with contextlib.suppress(OSError):
            holder = Status(state=INTERRUPTED, heartbeat=part.lstat().st_mtime)
    here = holder.boot_id == process.boot_id()
    now = time.time() if here else time.time() - _ABANDONED
    return not part.is_symlink() and not process.is_alive(holder, now=now)


def _copy_checkpoint(source: Path, k: int, target: Path) -> None:
    folder = target / paths.CHECKPOINTS
    number = paths.iteration_folder(k)
    (folder / number).mkdir(parents=True)
    for name in (paths.STATE_JSON, paths.STATE_TENSORS):
        _copy(source, source / paths.CHECKPOINTS / number / name, folder / number / name)
    (folder / paths.BLOBS).mkdir()
    for content in checkpoint.blobs(source, k):
        if not (len(content) == 64 and content.isalnum()):
            raise StoreError(
                f"checkpoint {k} of {source} names {content!r}, which is no content's hash",
                hint="it was changed: name an earlier iteration",
            )
        name = f"{content}.safetensors"
        _link(source, source / paths.CHECKPOINTS / paths.BLOBS / name, folder / paths.BLOBS / name)


def _copy_artifacts(source: Path, k: int, target: Path) -> None:
    """Those that the checkpoint refers to, as they were; those of the lines; appended rows."""
    for ref in checkpoint.references(source, k):
        place = artifacts.place(target, ref)
        found = artifacts.find(source, ref)
        if place is not None and not place.exists():
            disk.make_folder(target, place.parent)
            _copy(source, found, place)
    for name in _files_of_lines(target):
        _copy_named(source, name.removeprefix(f"{paths.ARTIFACTS}/"), target)
    grown = [n for n in artifacts.appended(source) if artifacts.inside(source / paths.ARTIFACTS, n)]
    for name in grown:
        path = target / paths.ARTIFACTS / name
        disk.make_folder(target, path.parent)
        cut.copy_head(source / paths.ARTIFACTS / name, k, path)
    if grown:
        disk.write_beside(target / paths.ARTIFACTS / paths.APPENDED, encode(grown), durable=False)


def _files_of_lines(target: Path) -> list[str]:
    with open(target / paths.ITERATIONS, "rb") as file:
        found = [cut.files_of(line.value) for line in lines.read_lines(file, target)]
    return list(dict.fromkeys(name for names in found for name in names))


def _copy_named(source: Path, name: str, target: Path) -> None:
    """An artifact that a line names, if it is still there; a folder with the files in it."""
    try:
        name = paths.artifact_name(name)
        disk.refuse_links(source, source / paths.ARTIFACTS / name)
    except StoreError:
        return  # no artifact's name, or a link: not ours
    root, place = source / paths.ARTIFACTS, target / paths.ARTIFACTS / name
    files = [root / name]
    if (root / name).is_dir():
        files = [path for path in (root / name).rglob("*") if path.is_file()]
    for path in files:
        to = place if path == root / name else place / path.relative_to(root / name)
        if disk.is_plain(source, path) and not to.exists():
            disk.make_folder(target, to.parent)
            _copy(source, path, to)


def _link(root: Path, source: Path, target: Path) -> None:
    """A second name for a file that is never rewritten; a copy where there can be none."""
    if not disk.is_plain(root, source):
        _copy(root, source, target)  # it says what is wrong
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LINK:
            raise
        _copy(root, source, target)


def _copy(root: Path, source: Path, target: Path) -> None:
    """A regular file, reached without a link."""
    disk.refuse_links(root, source)
    with open(source, "rb", opener=disk.no_link) as file, open(target, "xb") as out:
        if not _clone(file.fileno(), out.fileno()):
            shutil.copyfileobj(file, out, 1 << 20)


def _clone(source: int, target: int) -> bool:
    """Have `target` share the blocks of `source`; False where the file system can't."""
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError):
        return False
    return True


def vanish(directory: Path, root: Path) -> None:
    """Remove a run that is not to be, and the folders up to `root` that it leaves empty.

    One that another process has gone on with by now (`iterun resume status=interrupted`) stays.
    """
    try:
        status = Status.from_json(decode(disk.read_small(directory / paths.STATUS)))
    except (OSError, ValueError):
        return
    if (status.state, status.reason) != (INTERRUPTED, _REASON):
        return
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        for folder in directory.parents:
            if root not in (folder, *folder.parents):
                break
            folder.rmdir()

"""Writes that a crash cannot leave half done, and errors that say what to do."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from iterun.errors import DiskError, StoreError
from iterun.store import paths

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_SHUT = {errno.EROFS, errno.EACCES, errno.EPERM}
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_fdatasync = getattr(os, "fdatasync", os.fsync)


def disk_error(error: OSError, path: Path) -> OSError | DiskError:
    """The error to raise: a `DiskError` with a next step if the user can mend it, else `error`."""
    if error.errno in FULL:
        return DiskError(
            f"{path} can't be written: {os.strerror(error.errno or 0).lower()}",
            hint="make room, or choose a folder on another disk with --outputs FOLDER; a run that "
            "began goes on with `iterun resume RUN`",
        )
    if error.errno in _SHUT:
        return DiskError(
            f"{path} can't be written: {os.strerror(error.errno or 0).lower()}",
            hint="choose a folder that you may write with --outputs FOLDER or ITERUN_OUTPUTS",
        )
    if error.errno == errno.ELOOP:
        return DiskError(f"{path} is a link", hint="iterun writes through no link: remove it")
    if error.errno in (errno.ENXIO, errno.EISDIR):
        return DiskError(f"{path} is no regular file", hint="remove it")
    if error.errno == errno.EIO:
        return DiskError(f"{path} can't be written: the disk reports an error", hint="check it")
    return error


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into a `DiskError` that names `path`, where that fits."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


def no_link(path: str | os.PathLike[str], flags: int) -> int:
    """Open a regular file itself: an `opener` for files in a run directory, which may be foreign.

    Raises:
        OSError: as `open` does; ELOOP for a link, ENXIO for a pipe or a device.
    """
    fd = os.open(path, flags | _NO_LINK, 0o666)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), os.fspath(path))
    return fd


def open_append(path: Path) -> int:
    """A descriptor that writes at the end of a regular file, made if it isn't there."""
    fd = no_link(path, _APPEND)
    if os.fstat(fd).st_nlink < 2:
        return fd
    os.close(fd)
    unshare(path)
    return no_link(path, _APPEND)


def unshare(path: Path) -> None:
    """Give a file that has another name elsewhere a content of its own, before it is written in."""
    with open(path, "rb", opener=no_link) as file:
        if os.fstat(file.fileno()).st_nlink < 2:
            return
        part = part_of(path)
        with open(part, "wb", opener=no_link) as own:
            shutil.copyfileobj(file, own)
            own.flush()
            os.fsync(own.fileno())
    os.replace(part, path)


def read_small(path: Path, largest: int = 64 << 20) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it can't be read, or is a link.
        ValueError: it has more than `largest` bytes.
    """
    with open(path, "rb", opener=no_link) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"larger than {largest >> 20} MiB")
    return data


def is_plain(root: Path, path: Path) -> bool:
    """Whether `path`, below `root`, is a regular file, with no link on the way to it."""
    return path.is_file() and not any(step.is_symlink() for step in _steps(root, path))


def make_folder(root: Path, folder: Path) -> None:
    """Make `folder`, below `root`, and what is missing in between.

    Raises:
        StoreError: a link is on the way.
        OSError: as the disk gives it.
    """
    refuse_links(root, folder)
    folder.mkdir(parents=True, exist_ok=True)


def refuse_links(root: Path, path: Path) -> None:
    """Refuse a path with a link below `root`.

    Raises:
        StoreError: there is one.
    """
    for step in _steps(root, path):
        if step.is_symlink():
            raise StoreError(f"{step} is a link", hint="iterun writes through no link: remove it")


def _steps(root: Path, path: Path) -> Iterator[Path]:
    """The folders from below `root` down to `path`, and `path`; those of `root` are not judged."""
    for part in path.relative_to(root).parts:
        root = root / part
        yield root


def part_of(path: Path) -> Path:
    """Where to write before renaming to `path`; the suffix stays, since some writers look at it."""
    return path.with_name(f"{paths.PART}{threading.get_native_id()}-{path.name}")


def write_beside(path: Path, data: bytes, *, durable: bool) -> None:
    """Replace the file `path` by `data`, whole or not at all.

    Args:
        path: the file.
        data: its new content.
        durable: wait until the content is on the disk; without, only a power loss may undo it.
    """
    part = part_of(path)
    with disk_errors(path):
        try:
            with open(part, "wb", opener=no_link) as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(part, path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        if durable:
            sync_folder(path.parent)


def save_beside(path: Path, write: Callable[[Path], None]) -> None:
    """Have `write` make a file beside `path`, then give it that name: whole or not at all.

    Raises:
        OSError: as it comes, for who called to say what was to be written.
    """
    part = part_of(path)
    try:
        write(part)
        os.replace(part, path)
    finally:  # also after Ctrl-C
        with contextlib.suppress(OSError):
            part.unlink()


def write_all(fd: int, data: bytes, *, size: int, path: Path) -> int:
    """Append `data` to an O_APPEND descriptor, whole or not at all; the file's new size.

    Args:
        fd: the descriptor.
        data: whole lines.
        size: the file's size before, to cut off what a full disk let through.
        path: for the message.
    """
    try:
        written = os.write(fd, data)
        while written < len(data):  # the disk is nearly full: the next try says why
            written += os.write(fd, data[written:])
        return size + written
    except OSError as error:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise disk_error(error, path) from error


def sync_data(fd: int, path: Path) -> None:
    """Wait until what was written to `fd` is on the disk."""
    with disk_errors(path):
        _fdatasync(fd)


def sync_file(path: Path) -> None:
    """Wait until the file's content is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        sync_data(fd, path)
    finally:
        os.close(fd)


def sync_folder(path: Path) -> None:
    """Wait until the folder's names are on the disk; a file system that can't is let pass."""
    fd = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(fd)
    finally:
        os.close(fd)


def sync_trees(saved: Iterable[Path], root: Path) -> None:
    """Wait until files, folders with all in them, and their names up to `root` are on the disk."""
    folders: set[Path] = set()
    for path in saved:
        folders.update(above for above in path.parents if above.is_relative_to(root))
        if path.is_dir():
            for inner, _, names in os.walk(path):
                folders.add(Path(inner))
                for file in (Path(inner, name) for name in names):
                    if not file.is_symlink():
                        sync_file(file)
        elif path.exists():  # not replaced since by another kind of thing
            sync_file(path)
    for folder in sorted(folders, reverse=True):
        sync_folder(folder)


def replace_folder(part: Path, target: Path) -> None:
    """Give the finished folder `part` the name `target`; what had the name goes."""
    old = target.with_name(f"{paths.OLD}{target.name}")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.replace(target, old)
    os.replace(part, target)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)


def clean(root: Path) -> None:
    """Remove what a killed writer left half written; put back what it was just replacing."""
    from iterun.store import trees

    found = [
        Path(entry.path)
        for entry in trees.walk(root)
        if entry.name.startswith((paths.PART, paths.OLD))
    ]
    for path in found:
        whole = path.with_name(path.name.removeprefix(paths.OLD))
        if path.name.startswith(paths.OLD) and not whole.exists():
            with contextlib.suppress(FileNotFoundError):  # it lay in one that is removed
                os.replace(path, whole)
        else:
            with contextlib.suppress(StoreError):
                trees.remove(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_over(path: Path, data: bytes) -> None:
    """Write into the space that a file has already, when a full disk gives no more.

    The file is not replaced, so a crash in between may tear it: only for what must still be said.

    Raises:
        DiskError: the new content needs more space than the file has.
    """
    with disk_errors(path), open(path, "r+b", opener=no_link) as file:
        if os.fstat(file.fileno()).st_nlink > 1:  # what has another name is not ours to change
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), os.fspath(path))
        file.write(data)
        file.truncate()


def touch(path: Path) -> None:
    """Give a folder a new time, as a hint to who watches it; without a right to do so, nothing."""
    with contextlib.suppress(OSError):
        os.utime(path)

"""Who may write a run: a new folder goes to one, and of two resumes only one wins.

No kernel lock is used: file systems of clusters often have none. A claim is a file that only one
process can create (O_EXCL), on NFS too; it names that process, and goes once status.json does.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from iterun.errors import StoreError
from iterun.store import disk, paths, process
from iterun.store.reader import RunView
from iterun.store.schema import LOST, RUNNING, Status, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: what a file system says that knows no hard links
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES, errno.EXDEV}
#: what is written before run.json makes the folder a run
_BEFORE_RUN = {paths.ITERATIONS, paths.PATCH, paths.CONFIG, paths.STATUS}


def take_new(directory: Path) -> None:
    """Make the run directory, or take one that holds only `.hydra`.

    Raises:
        StoreError: it holds something else, or another run took it this moment.
    """
    directory.mkdir(parents=True, exist_ok=True)
    others = sorted(set(os.listdir(directory)) - {paths.HYDRA})
    if others and _is_abandoned(directory, others):
        for name in others:
            (directory / name).unlink(missing_ok=True)
        others = []
    try:
        if others:
            raise FileExistsError
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        os.close(os.open(directory / paths.ITERATIONS, flags, 0o666))
    except FileExistsError:
        raise StoreError(
            f"{directory} is in use already: it holds {', '.join(others[:3]) or 'a run'}",
            hint="name another folder with hydra.run.dir=FOLDER, or remove this one",
        ) from None


def is_left(directory: Path) -> bool:
    """Whether a folder holds only what a run left that was killed before it was one."""
    names = sorted({*os.listdir(directory)} - {paths.HYDRA})
    return not names or _is_abandoned(directory, names)


def _is_abandoned(directory: Path, names: list[str]) -> bool:
    """Whether `names` are what a run left that was killed while its directory was being made."""
    if not all(name in _BEFORE_RUN or name.startswith(paths.PART) for name in names):
        return False
    holder = Status(state=RUNNING, heartbeat=os.stat(directory / names[0]).st_mtime)
    with contextlib.suppress(OSError, ValueError):
        holder = Status.from_json(decode(disk.read_small(directory / paths.STATUS)))
    return not process.is_alive(holder)


def take_over(directory: Path) -> Status:
    """Make this process the writer of a run whose process is gone; its new status, written.

    Raises:
        StoreError: the run is alive, or another process is just taking it over.
    """
    before = RunView(directory).status
    _refuse_alive(directory, before)
    attempt = before.attempt + 1
    while (holder := _claim(directory, attempt)) is not None:
        _refuse_alive(directory, holder)
        attempt += 1  # that one died between its claim and its first status
    claim = directory / f"{paths.CLAIM}{attempt}"
    try:
        now = RunView(directory).status
        _refuse_alive(directory, now)  # another one was faster, and has given its claim back
        if now.attempt >= attempt:
            raise _busy(directory, now)
        status = process.own_status(RUNNING, attempt=attempt)
        status.iteration = now.iteration
        data = encode(status.to_json()) + b"\n"
        disk.write_beside(directory / paths.STATUS, data, durable=True)
    finally:
        claim.unlink(missing_ok=True)
    for number in range(before.attempt + 1, attempt):
        (directory / f"{paths.CLAIM}{number}").unlink(missing_ok=True)
    return status


@contextlib.contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Keep everybody from taking the run over while something is done with its directory.

    The directory may be moved or deleted meanwhile.

    Raises:
        StoreError: the run is alive, or another process is just taking it over.
    """
    before = _status(directory)
    _refuse_alive(directory, before)
    attempt = before.attempt + 1
    while (holder := _claim(directory, attempt)) is not None:
        _refuse_alive(directory, holder)
        attempt += 1
    claim = directory / f"{paths.CLAIM}{attempt}"
    try:
        _refuse_alive(directory, _status(directory))
        yield
    finally:
        claim.unlink(missing_ok=True)


def _status(directory: Path) -> Status:
    """How the run stands; one that says nothing readable is taken for gone."""
    try:
        return RunView(directory).status
    except StoreError:
        return Status(state=LOST)


def _claim(directory: Path, attempt: int) -> Status | None:
    """Claim an attempt; None if it is ours, else who has it.

    The claim appears with its content in it, so that a process that is killed here leaves none.
    """
    claim = directory / f"{paths.CLAIM}{attempt}"
    own = encode(process.own_status(RUNNING, attempt=attempt).to_json())
    part = directory / f"{paths.PART}claim-{attempt}-{os.getpid()}"
    try:
        part.write_bytes(own)
        os.link(part, claim)
    except FileExistsError:
        return _holder(claim)
    except FileNotFoundError:  # the winner of this moment has cleaned the directory
        if not directory.exists():
            raise
        return _claim(directory, attempt)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _claim_slowly(claim, own)
    finally:
        part.unlink(missing_ok=True)
    return None


def _claim_slowly(claim: Path, own: bytes) -> Status | None:
    """As `_claim`, on a file system without hard links."""
    try:
        fd = os.open(claim, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return _holder(claim)
    try:
        os.write(fd, own)
    except OSError:  # a full disk: an empty claim would keep the next resume out
        claim.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    return None


def _holder(claim: Path) -> Status:
    """Who has a claim: if it was given back, nobody; if it isn't written yet, somebody."""
    born = 0.0
    try:
        born = os.stat(claim).st_mtime
        return Status.from_json(decode(disk.read_small(claim)))
    except (FileNotFoundError, ValueError):
        pass
    return Status(state=RUNNING, heartbeat=born)


def _refuse_alive(directory: Path, status: Status) -> None:
    if status.state == RUNNING and process.is_alive(status):
        raise _busy(directory, status)


def _busy(directory: Path, status: Status) -> StoreError:
    here = status.boot_id == process.boot_id()
    wait = "" if here else f" (or wait {process.STALE:.0f} s if that machine is gone)"
    return StoreError(
        f"{directory} is being written by process {status.pid} on {status.host or 'this machine'}",
        hint=f"end it first, as in `kill -INT {status.pid}`{wait}",
    )

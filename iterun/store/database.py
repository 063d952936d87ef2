"""Where the index lives, and how it is opened: a sqlite file that anybody may delete or break."""

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from iterun.store import paths

_VERSION = 3  # of the tables; a file of another version is made anew
_TABLES = (
    """CREATE TABLE IF NOT EXISTS run (
        path TEXT PRIMARY KEY, folder TEXT NOT NULL, mtime INTEGER NOT NULL,
        final INTEGER NOT NULL, error TEXT, id TEXT, system TEXT, family TEXT, state TEXT,
        created TEXT, stamp REAL, seed INTEGER, model TEXT, data TEXT, body TEXT
    )""",
    "CREATE INDEX IF NOT EXISTS run_folder ON run (folder, final)",
    "CREATE INDEX IF NOT EXISTS run_stamp ON run (stamp DESC, id)",
    "CREATE TABLE IF NOT EXISTS folder (path TEXT PRIMARY KEY, mtime INTEGER NOT NULL)",
)
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "ceph", "9p", "afs"}
_ELSEWHERE = {  # the place can't have a database, or is in use: the file itself is not at fault
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH,
}  # fmt: skip


def places(outputs: Path) -> Iterator[Path]:
    """Where the index of `outputs` may be, best first: beside the runs, else in the cache."""
    if not is_remote(outputs):
        yield outputs / paths.INDEX
    import hashlib

    name = hashlib.sha256(os.fsencode(outputs.resolve())).hexdigest()[:16]
    yield paths.cache_root() / "index" / f"{name}.sqlite"


def is_remote(folder: Path) -> bool:
    """Whether a folder is on a network file system, where sqlite's WAL does not work."""
    if sys.platform != "linux":
        return False
    real = str(folder.resolve())
    kind = longest = ""
    with contextlib.suppress(OSError), open("/proc/self/mounts", encoding="utf-8") as mounts:
        for line in mounts:
            _, point, found, *_ = line.split(" ")
            point = point.replace("\\040", " ")
            below = real == point or real.startswith(point.rstrip("/") + "/")
            if below and len(point) >= len(longest):
                longest, kind = point, found
    return kind in _REMOTE or kind.startswith("fuse.")


def connect(place: Path | None) -> sqlite3.Connection:
    """Open the index, made anew if the file is broken or of another version; None: in memory.

    Raises:
        sqlite3.DatabaseError: there can't be one at this place.
        OSError: the same.
    """
    if place is None:
        return _open(":memory:")
    if not place.parent.exists():
        place.parent.mkdir(parents=True)
    try:
        return _open(place)
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise
    remove(place)
    return _open(place)


def fault(place: Path) -> str | None:
    """What is wrong with the file at a place; None: it is sound, in use, or not there."""
    if not place.exists():
        return None
    try:
        with contextlib.closing(
            sqlite3.connect(f"{place.resolve().as_uri()}?mode=ro", uri=True)
        ) as db:
            (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
            version = _version(db)
    except sqlite3.Error as error:
        return str(error) if is_broken(error) else None
    if version not in (0, _VERSION):
        return "made by another version of iterun"
    return None if found == "ok" else str(found)


def remove(place: Path) -> None:
    """Delete the index; the next look builds it anew."""
    for suffix in ("", "-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)


def is_broken(error: Exception) -> bool:
    """Whether the file is at fault, so that removing it helps."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return isinstance(error, sqlite3.DatabaseError) and code & 0xFF not in _ELSEWHERE


def _open(place: Path | str) -> sqlite3.Connection:
    db = sqlite3.connect(place, timeout=30.0, isolation_level=None)
    try:
        version = _version(db)
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError("made by another version of iterun")
        if version == 0:
            _make(db)
        db.execute("PRAGMA synchronous=NORMAL")
    except BaseException:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.OperationalError):  # another process is just doing the same
        db.execute("PRAGMA journal_mode=WAL")
    db.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        db.execute(table)
    db.execute(f"PRAGMA user_version={_VERSION}")
    db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    return int(version)

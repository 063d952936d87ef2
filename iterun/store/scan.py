"""Brings the index up to date: finds runs below `outputs`, reads those that are new or changed."""

import contextlib
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from iterun.errors import StoreError
from iterun.store import paths
from iterun.store.rows import read_row
from iterun.store.schema import RUNNING

_DEPTH = 2  # of the folders that hold runs: outputs/<family>/<system>/<run>
_SETTLED = 2_000_000_000  # ns after which a time stamp says that nothing changed since
_BATCH = 2000  # rows written in one go
_NO_COLUMNS = (None,) * 9


class Scan:
    """One look at all runs.

    Args:
        db: the index.
        outputs: the folder.
        trust_times: skip folders whose time stamp is the known one (not on network file systems,
            where the stamp is another machine's).
    """

    def __init__(self, db: sqlite3.Connection, outputs: Path, *, trust_times: bool) -> None:
        self._db = db
        self._outputs = os.fspath(outputs)
        self._trust = trust_times
        self._now = time.time_ns()
        self._known = dict(db.execute("SELECT path, mtime FROM folder"))
        self._visited: dict[str, int] = {}
        self._rows: list[tuple[Any, ...]] = []
        self._gone: list[str] = []

    def run(self) -> None:
        """Look, and write what changed."""
        self._visit("", 0)
        lost = [folder for folder in self._known if folder not in self._visited]
        times = [(k, v) for k, v in self._visited.items() if self._known.get(k) != v]
        if self._rows or self._gone or lost or times:
            self._write(lost, times)

    def _visit(self, folder: str, depth: int) -> None:
        """Look at a folder that holds runs, or folders of runs."""
        if folder and self._is_run(folder):  # it was a mere folder when last seen
            self._look(folder, os.path.dirname(folder), 0)
            return
        path = os.path.join(self._outputs, folder)
        try:
            mtime = self._settled(os.stat(path).st_mtime_ns)
            if mtime and mtime == self._known.get(folder):
                self._visited[folder] = mtime
                self._visit_known(folder, depth)
                return
            with os.scandir(path) as entries:
                names = [
                    entry.name
                    for entry in entries
                    if _is_name(entry.name) and entry.is_dir(follow_symlinks=False)
                ]
        except FileNotFoundError:
            return
        except OSError as error:
            hint = "ask for the right to read it, or remove it"
            self._add_broken(folder, "", StoreError(f"{path} can't be read: {error}", hint=hint))
            return
        self._visited[folder] = mtime
        self._visit_new(folder, names, depth)

    def _visit_known(self, folder: str, depth: int) -> None:
        """The folder has the same entries as before: look at its folders and unfinished runs."""
        if depth < _DEPTH:
            for child in self._known:
                if child and os.path.dirname(child) == folder:
                    self._visit(child, depth + 1)
        query = "SELECT path, mtime FROM run WHERE folder=? AND NOT final"
        for path, mtime in self._db.execute(query, [folder]).fetchall():
            self._look(path, folder, mtime)

    def _visit_new(self, folder: str, names: list[str], depth: int) -> None:
        query = "SELECT path, mtime FROM run WHERE folder=?"
        known = dict(self._db.execute(query, [folder]))
        for name in names:
            path = f"{folder}/{name}" if folder else name
            if depth < _DEPTH and not self._is_run(path):
                self._visit(path, depth + 1)
            else:
                self._look(path, folder, known.pop(path, 0))
        self._gone += known

    def _look(self, path: str, folder: str, known: int) -> None:
        """Read a run if it changed."""
        directory = os.path.join(self._outputs, path)
        try:
            mtime = self._settled(os.stat(directory, follow_symlinks=False).st_mtime_ns)
        except OSError:
            self._gone.append(path)
            return
        if known and known == mtime:
            return
        if not self._is_run(path):  # being made this moment, or not ours
            self._add(path, folder, mtime, 0, None, _NO_COLUMNS, None)
            return
        try:
            columns, body = read_row(Path(directory))
        except StoreError as error:
            if os.path.isdir(directory):
                self._add_broken(path, folder, error)
            else:  # deleted while we looked
                self._gone.append(path)
            return
        final = int(mtime > 0 and columns[3] != RUNNING)
        self._add(path, folder, mtime, final, None, columns, body)

    def _add_broken(self, path: str, folder: str, error: StoreError) -> None:
        """Keep the error; mtime 0: it is tried again each time."""
        text = json.dumps([error.message, error.hint])
        self._add(path, folder, 0, 0, text, _NO_COLUMNS, None)

    def _add(
        self, path: str, folder: str, mtime: int, final: int, error: str | None,
        columns: tuple[Any, ...], body: str | None,
    ) -> None:  # fmt: skip
        self._rows.append((path, folder, mtime, final, error, *columns, body))
        if len(self._rows) >= _BATCH:
            self._write([], [])

    def _write(self, lost_folders: list[str], times: list[tuple[str, int]]) -> None:
        db, slots = self._db, ",".join("?" * 15)
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM run WHERE path=?", [(path,) for path in self._gone])
            for table in ("run", "folder"):
                column = "folder" if table == "run" else "path"
                rows = [(folder,) for folder in lost_folders]
                db.executemany(f"DELETE FROM {table} WHERE {column}=?", rows)
            db.executemany(f"REPLACE INTO run VALUES ({slots})", self._rows)
            db.executemany("REPLACE INTO folder VALUES (?,?)", times)
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        self._rows.clear()
        self._gone.clear()

    def _is_run(self, path: str) -> bool:
        return os.path.lexists(os.path.join(self._outputs, path, paths.RUN))

    def _settled(self, mtime: int) -> int:
        """The time stamp, or 0 if something may still change without changing it."""
        return mtime if self._trust and self._now - mtime > _SETTLED else 0


def _is_name(name: str) -> bool:
    """Whether a run may have this name: neither hidden nor other than UTF-8."""
    return name[0] != "." and (name.isascii() or name.isprintable())

"""All runs below a folder: those shown, their order, and those marked. No textual."""

from __future__ import annotations

import contextlib
import gc
import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from iterun.errors import ConfigError
from iterun.store import database, filters
from iterun.store.bodies import read_bodies
from iterun.store.index import Index
from iterun.store.rows import MISSING
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.filters import Filter
    from iterun.store.rows import Row

NEWEST = "created"  #: what runs are sorted by where nobody says it


class Sort(NamedTuple):
    """An order of runs."""

    key: str = NEWEST
    descending: bool = True

    @property
    def label(self) -> str:
        """As "ppl, smallest first"."""
        if self.key == NEWEST:
            return f"{'newest' if self.descending else 'oldest'} first"
        return f"by {self.key}, {'largest' if self.descending else 'smallest'} first"


class Runs:
    """What the table shows, and what was chosen in it.

    Args:
        outputs: the folder with the runs.
    """

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.all: list[Row] = []  #: newest first
        self.shown: list[Row] = []
        self.sort = Sort()
        self.problems = 0  #: run directories that can't be read
        self._index = Index(outputs)
        self._stamp: tuple[int, int] | None = None  #: of the index when it was read
        self._where: Filter | None = None
        self._marked: set[str] = set()  #: places

    def read(self) -> list[Row]:
        """All runs as they stand now; always to be called in one and the same thread.

        Rows of runs that have ended and did not change are the same objects as before.
        """
        known = {row.place: row for row in self.all}
        was = gc.isenabled()
        gc.disable()  # with 10,000 runs in memory it takes 0.1 s, for nothing
        try:
            self._index.refresh()
            stamp = _stamp(self.outputs)
            if stamp is not None and stamp == self._stamp and not self.is_running:
                return self.all
            self._stamp = stamp
            found = self._index.rows()
            rows = [_same(row, known.get(row.place)) for row in found]
            read_bodies([row for row in rows if "body" not in vars(row)])
            self.problems = len(self._index.problems)
        finally:
            if was:
                gc.enable()
        return rows

    def take(self, rows: list[Row]) -> bool:
        """Show these from now on; whether something of them is new."""
        changed = len(rows) != len(self.all) or any(
            a is not b for a, b in zip(rows, self.all, strict=True)
        )
        if changed:
            self.all = rows
            self._marked &= {row.place for row in rows}
            self._select()
        return changed

    def filter(self, text: str) -> None:
        """Show the runs that fit.

        Args:
            text: conditions as they are typed behind `iterun ls`.

        Raises:
            ConfigError: a word is no condition, or no run has its name; all stays as it was.
        """
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ConfigError("a quote is not closed", hint="as in 'note~not good'") from error
        where = filters.parse(words) if words else None
        if where and self.all and not any(map(where, self.all)):
            where.check_names(self.all)
        self._where = where
        self._select()

    def sort_by(self, sort: Sort) -> None:
        """Show them in another order."""
        self.sort = sort
        self._select()

    def best_first(self, key: str) -> Sort:
        """The order by a key: the best first where it is an objective, else the largest."""
        for row in self.all[:1]:
            objective = row.objective or {}
            if key in (objective.get("metric"), "best"):
                return Sort(key, objective.get("goal") == "max")
        return Sort(key)

    def keys(self) -> list[str]:
        """All names that runs can be sorted by: columns, then parameters, metrics and the rest."""
        first = dict.fromkeys(
            (NEWEST, "best", "seconds", "iterations", "state", "system", "model", "seed", "id")
        )
        named: dict[str, None] = {}
        for place in ("last", "parameters", "result", "costs"):
            for row in self.shown:
                named.update(dict.fromkeys(getattr(row, place)))
        return [*first, *(name for name in named if name not in first)]

    @property
    def is_running(self) -> bool:
        """Whether one of them goes on."""
        return any(row.state == RUNNING for row in self.all)

    @property
    def marked(self) -> list[Row]:
        """The marked runs, those that the filter hides at the end."""
        if not self._marked:
            return []
        found = {row.place: row for row in (*self.shown, *self.all) if row.place in self._marked}
        return list(found.values())

    @property
    def n_marked(self) -> int:
        """How many are marked."""
        return len(self._marked)

    def n_hidden(self) -> int:
        """How many of the marked ones the filter hides."""
        return len(self._marked - {row.place for row in self.shown}) if self._marked else 0

    def is_marked(self, row: Row) -> bool:
        """Whether it is marked."""
        return row.place in self._marked

    def mark(self, rows: Sequence[Row]) -> None:
        """Mark all of these."""
        self._marked |= {row.place for row in rows}

    def unmark(self, rows: Sequence[Row] | None = None) -> None:
        """Take the marks of these away; None: of all."""
        self._marked -= self._marked if rows is None else {row.place for row in rows}

    def position(self, place: str) -> int | None:
        """Where a run stands among those shown."""
        return next((k for k, row in enumerate(self.shown) if row.place == place), None)

    def _select(self) -> None:
        rows = [row for row in self.all if self._where is None or self._where(row)]
        key, descending = self.sort
        if key == NEWEST:
            self.shown = rows if descending else rows[::-1]
            return
        found = [None if (x := row.get(key)) is MISSING else x for row in rows]
        self.shown = [rows[k] for k in filters.order(found, descending=descending)]


def _stamp(outputs: Path) -> tuple[int, int] | None:
    """Time and size of the index's file: the same if no run changed. None: there is no file."""
    for place in database.places(outputs):
        with contextlib.suppress(OSError):
            found = os.stat(place)
            return found.st_mtime_ns, found.st_size
    return None


def _same(new: Row, old: Row | None) -> Row:
    """The old row if nothing of it changed: its JSON is parsed already."""
    if old is None or old.raw != new.raw or old.state != new.state or old.id != new.id:
        return new
    return old

"""All runs below `outputs`: found, listed, and resolved from short names.

The run directories are the truth. The index is a cache in sqlite, one row a run, that may be
deleted or corrupted at any time: the next look builds it anew. A folder that has the same time as
when it was last read has the same runs in it; of those only unfinished ones are looked at again.
(Resuming a finished run gives its folder's parent a new time.)
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from iterun.errors import StoreError, nearest
from iterun.store import database
from iterun.store.encoding import NUMBERS
from iterun.store.reader import RunView
from iterun.store.rows import COLUMNS, MISSING, Row, is_utf8
from iterun.store.scan import Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

    from iterun.store.filters import Filter

T = TypeVar("T")

_COLUMNS = "path, id, system, family, state, created, stamp, seed, model, data, body"


class Index:
    """The runs below one `outputs` folder, which need not exist.

    Args:
        outputs: the folder.
    """

    def __init__(self, outputs: Path) -> None:
        self.outputs = Path(outputs)
        self.problems: list[StoreError] = []  #: run directories that can't be read
        self._scanned: set[Path | None] = set()
        self._memory: sqlite3.Connection | None = None

    def refresh(self) -> None:
        """Bring the index up to date with the run directories."""
        self._scanned.clear()
        self._use(lambda db: None)

    def rows(
        self,
        where: Filter | None = None,
        *,
        limit: int | None = None,
        sort: str | None = None,
        descending: bool = True,
    ) -> list[Row]:
        """The runs that a filter lets through, newest first.

        Args:
            where: as `filters.parse` makes it; None: all.
            limit: at most so many.
            sort: a column or any bare name to sort by instead; runs without it come last.
            descending: the largest first; only with `sort`.

        Raises:
            ConfigError: the filter or `sort` asks for a name that no run has.
        """

        def select(db: sqlite3.Connection) -> list[Row]:
            rows = self._query(db, *_sql(where))
            if sort is not None:
                rows = self._sorted(db, where, sort, descending=descending)
            found = list(itertools.islice(filter(where, rows), limit))
            if where and not found and limit != 0:
                where.check_names(self._query(db, "1", []))
            return found

        return self._use(select)

    def count(self) -> int:
        """How many runs there are."""
        query = "SELECT count(*) FROM run WHERE body NOTNULL"
        return int(self._use(lambda db: db.execute(query).fetchone()[0]))

    def resolve(self, name: str) -> tuple[Path, int | None]:
        """The run directory that `name` means, and the iteration if it names one.

        Args:
            name: an id, any unique prefix of it, a tag, the name or path of a run directory, `@-1`
                for the newest run, `@-2` …; with `@7` after it, its iteration 7.

        Raises:
            StoreError: no run has this name, or several have.
        """
        run, at, last = name.rpartition("@")
        iteration = int(last) if at and run and last.isascii() and last.isdigit() else None
        if iteration is None:
            run = name
        if (os.sep in run or run in (".", "..") or not run) and run:
            path = Path(run)
            if not os.path.exists(path) and os.path.isdir(self.outputs / run):
                path = self.outputs / run
            RunView(path).record  # noqa: B018  # raises if it is none
            return path, iteration
        return self._use(lambda db: self._by_name(db, run)), iteration

    def broken(self) -> list[Path]:
        """Directories of runs that can't be read; `problems` says why."""
        query = "SELECT path FROM run WHERE error NOTNULL ORDER BY path"
        return self._use(lambda db: [self.outputs / path for (path,) in db.execute(query)])

    def no_runs(self) -> list[Path]:
        """Folders in a run's place that hold none: being made this moment, abandoned, foreign."""
        query = "SELECT path FROM run WHERE body IS NULL AND error IS NULL ORDER BY path"
        return self._use(lambda db: [self.outputs / path for (path,) in db.execute(query)])

    def sweeps(self) -> set[str]:
        """The ids of all sweeps that a run belongs to."""
        query = "SELECT DISTINCT json_extract(body, '$.sweep.id') FROM run WHERE body NOTNULL"
        return self._use(lambda db: {str(id) for (id,) in db.execute(query) if id is not None})

    def forks(self, run: str) -> list[Row]:
        """The runs that were forked off the run of this id, newest first."""

        def select(db: sqlite3.Connection) -> list[Row]:
            return list(self._query(db, "json_extract(body, '$.parent.run') = ?", [run]))

        return self._use(select)

    def close(self) -> None:
        """Free what is held in memory."""
        if self._memory is not None:
            self._memory.close()
            self._memory = None
            self._scanned.discard(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sorted(
        self, db: sqlite3.Connection, where: Filter | None, sort: str, *, descending: bool
    ) -> Iterator[Row]:
        """Runs in the order of a name. sqlite gets its values; bodies are read for those used."""
        from iterun.store import expressions, filters

        condition, values = _sql(where)
        query = (
            f"SELECT rowid, {expressions.value(sort)} FROM run "
            f"WHERE body NOTNULL AND ({condition}) ORDER BY stamp DESC, id"
        )
        db.text_factory = _text
        found = db.execute(query, values).fetchall()
        db.text_factory = str
        keys = [NUMBERS.get(key, key) for _, key in found]
        if found and all(key is None for key in keys) and sort not in COLUMNS:
            rows = list(self._query(db, "1", []))
            if all(row.get(sort) is MISSING for row in rows):
                raise filters.unknown(sort, rows)
        for k in filters.order(keys, descending=descending):
            yield from self._query(db, "rowid = ?", [found[k][0]])

    def _by_name(self, db: sqlite3.Connection, name: str) -> Path:
        if name.startswith("@"):
            return self._by_age(db, name)
        for condition in (
            "id = ?", "? != '' AND substr(id, 1, length(?1)) = ?1",
            "substr(path, -1 - length(?)) = '/' || ?1", "instr(body, ?)",
        ):  # fmt: skip
            found = list(self._query(db, condition, [name]))
            if condition.startswith("instr"):
                found = [row for row in found if name in row.tags]
            if found:
                return _only(found, name)
        if name and os.path.isdir(name):
            RunView(Path(name)).record  # noqa: B018  # raises if it is none
            return Path(name)
        close = nearest(name, [row.id for row in self._query(db, "1", [])])
        if hint := _in_trash(self.outputs, name):
            raise StoreError(f"{name} was moved to the trash", hint=hint)
        raise StoreError(
            f"no run is called {name!r} below {self.outputs}",
            hint=f"did you mean {' or '.join(close)}?" if close else "`iterun ls` lists the runs",
        )

    def _by_age(self, db: sqlite3.Connection, name: str) -> Path:
        digits = name.removeprefix("@-")
        if not (digits.isascii() and digits.isdigit() and 0 < int(digits[:18]) == int(digits)):
            raise StoreError(
                f"{name!r} names no run", hint="@-1 is the newest run, @-2 the one before it"
            )
        for row in self._query(db, "1", [], offset=int(digits) - 1):
            return row.path
        raise StoreError(
            f"there is no run {name}: fewer stand below {self.outputs}",
            hint="`iterun ls` lists the runs",
        )

    def _query(
        self, db: sqlite3.Connection, condition: str, values: list[Any], *, offset: int = 0
    ) -> Iterator[Row]:
        """Runs by a condition of our own making, newest first."""
        if any(isinstance(value, str) and not is_utf8(value) for value in values):
            return  # no row has half a character
        query = (
            f"SELECT {_COLUMNS} FROM run WHERE body NOTNULL AND ({condition}) "
            f"ORDER BY stamp DESC, id LIMIT -1 OFFSET {offset}"
        )
        for path, *columns, body in db.execute(query, values):
            yield Row(self.outputs, path, tuple(columns), body)

    def _use(self, action: Callable[[sqlite3.Connection], T]) -> T:
        """Do `action` on a database that is up to date, in the first place that can have one."""
        for place in database.places(self.outputs) if os.path.isdir(self.outputs) else ():
            for may_rebuild in (True, False):
                try:
                    with contextlib.closing(database.connect(place)) as db:
                        return action(self._scan(db, place))
                except (sqlite3.DatabaseError, OSError) as error:
                    self._scanned.discard(place)
                    if not (may_rebuild and database.is_broken(error)):
                        break
                    database.remove(place)
        if self._memory is None:
            self._memory = database.connect(None)
        return action(self._scan(self._memory, None))

    def _scan(self, db: sqlite3.Connection, place: Path | None) -> sqlite3.Connection:
        if place not in self._scanned:
            Scan(db, self.outputs, trust_times=not database.is_remote(self.outputs)).run()
            broken = db.execute("SELECT error FROM run WHERE error NOTNULL ORDER BY path")
            self.problems = [StoreError(m, hint=h) for m, h in (json.loads(e) for (e,) in broken)]
            self._scanned.add(place)
        return db


def _in_trash(outputs: Path, name: str) -> str | None:
    """What brings a run back that was moved to the trash; None: it isn't there."""
    import shlex

    from iterun.store import trash

    with contextlib.suppress(StoreError):
        trash.named(trash.listed(outputs), [name])
        return f"iterun rm --restore {shlex.quote(name)}"
    return None


def _text(raw: bytes) -> str:
    """A text out of JSON, which may hold half a character."""
    return raw.decode(errors="replace")


def _sql(where: Filter | None) -> tuple[str, list[Any]]:
    return where.sql() if where else ("1", [])


def _only(found: list[Row], name: str) -> Path:
    """The path of the one run found.

    Raises:
        StoreError: there are several.
    """
    if len(found) == 1:
        return found[0].path
    ids = [row.id for row in found]
    some = ", ".join(ids[:5]) + (" …" if len(ids) > 5 else "")
    same = len(set(ids)) == 1
    where = f": {', '.join(str(row.path) for row in found[:3])}" if same else ""
    raise StoreError(
        f"{name!r} may be {len(ids)} runs: {some}",
        hint=f"name it by its path{where}" if same else "type more of the id",
    )

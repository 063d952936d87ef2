"""`iterun rm`: runs to the trash, back, and for good."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.cli import ask, picked
from iterun.cli.console import Span, err, out
from iterun.cli.figures import age, count, size
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, table
from iterun.errors import ConfigError, StoreError
from iterun.store import filters, paths, trash
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.rows import Row, row_of
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iterun.store.trash import Removed

_MOST_NAMED = 10  #: runs that are told one by one
_MOST_ASKED = 20  #: runs whose forks are looked for


class Removing:
    """What `iterun rm` does with one folder of runs.

    Args:
        outputs: the folder with the runs; None: where they are by default.
        as_json: an array of objects instead of text.
        yes: do not ask.
    """

    def __init__(self, outputs: str | None, *, as_json: bool, yes: bool) -> None:
        self._folder = paths.outputs_root(outputs)
        self._as_json = as_json
        self._yes = yes

    def move(self, words: Sequence[str]) -> None:
        """Move the runs that the words mean to the trash.

        Raises:
            ConfigError: no word, or none fits; or many would go and nobody can be asked.
            StoreError: no run has a name; or the run is running.
        """
        if not words:
            raise ConfigError("no run is named", hint="as in iterun rm @-1, or status=failed")
        conditions = [word for word in words if picked.is_condition(word)]
        with Index(self._folder) as index:
            named = [_directory(index, word) for word in words if word not in conditions]
            fitting = index.rows(filters.parse(conditions)) if conditions else []
            if conditions and not fitting:
                raise ConfigError(
                    f"no run fits {' '.join(conditions)}", hint="`iterun ls` lists the runs"
                )
            running = [row for row in fitting if row.state == RUNNING]
            chosen = _once([*named, *(row.path for row in fitting if row not in running)])
            _refuse_running(named)
            if running:
                err().line(f"{count(len(running), 'run')} of these left alone: running")
            if conditions and len(chosen) > 1:
                question = f"move {count(len(chosen), 'run')} to the trash"
                if not ask.sure(question, yes=self._yes):
                    return
            moved = self._move_all(chosen)
            self._tell_moved(moved, index)

    def _move_all(self, chosen: Sequence[Path]) -> list[Removed]:
        now = time.time()
        moved = []
        for path in chosen:
            try:
                moved.append(trash.move(self._folder, path, now=now, about=_about(path)))
            except StoreError:
                if moved:  # what went before is not silently gone
                    self._tell(moved, "moved to the trash")
                raise
        return moved

    def _tell_moved(self, moved: Sequence[Removed], index: Index) -> None:
        self._tell(moved, "moved to the trash")
        if self._as_json or not moved:
            return
        hanging = [
            (removed.record.id, len(forks))
            for removed in (moved if len(moved) <= _MOST_ASKED else ())
            if removed.record.id and (forks := index.forks(removed.record.id))
        ]
        for id, n in hanging:
            err().line(Span(f"forked from {id}: {count(n, 'run')}, whole without it", "dim"))
        err().line(Span("next:", "dim"), Span("  iterun rm --restore  iterun rm --trash", "accent"))

    def list_trash(self) -> None:
        """Show what is in the trash: when it was moved, its size, where it was."""
        found, now = trash.listed(self._folder), time.time()
        if self._as_json:
            body = [{**_object(removed), "bytes": removed.size()} for removed in found]
            out().raw(json_text(body) + "\n")
            return
        if not found:
            err().line(f"the trash of {self._folder} is empty")
            return
        sizes = [removed.size() for removed in found]
        records = [removed.record for removed in found]
        columns = [
            Column(head="id", cells=[record.id for record in records], style="bold", least=8),
            Column(head="system", cells=[r.system for r in records], least=8, drop=2),
            Column(head="moved", cells=[f"{age(now - r.moved)} ago" for r in records], right=True),
            Column(head="size", cells=[size(n) for n in sizes], right=True),
            Column(head="note", cells=[r.note for r in records], least=8, drop=3),
            Column(head="was", cells=[r.place for r in records], least=16, drop=1),
        ]
        table(out(), [c for c in columns if c.head != "note" or any(c.cells)])
        err().line(Span(f"{count(len(found), 'run')}, {size(sum(sizes))}", "dim"))

    def restore(self, names: Sequence[str]) -> None:
        """Move runs back to where they were: those named, or what was moved last.

        Raises:
            StoreError: nothing has the name, or a place is taken.
        """
        found = trash.listed(self._folder)
        if not found and not names:
            err().line(f"the trash of {self._folder} is empty")
            return
        last = [removed for removed in found if removed.record.moved == found[0].record.moved]
        self._each(trash.named(found, names) if names else last, self._restore_one, "restored")

    def _restore_one(self, removed: Removed) -> None:
        trash.restore(self._folder, removed)

    def purge(self, names: Sequence[str], older: str | None) -> None:
        """Delete runs in the trash for good: those named, or all; with `older`, of an age.

        Raises:
            ConfigError: no age, or nobody can be asked.
            StoreError: nothing has the name, or something can't be removed.
        """
        found = trash.listed(self._folder)
        if names:
            found = trash.named(found, names)
        if older is not None:
            before = filters.moment(f"--older {older}", older, time.time())
            found = [removed for removed in found if removed.record.moved < before]
        if not found:
            err().line(f"nothing to delete in the trash of {self._folder}")
            return
        total = size(sum(removed.size() for removed in found))
        question = f"delete {count(len(found), 'run')}, {total}, for good"
        if ask.sure(question, yes=self._yes):
            self._each(found, trash.purge, f"deleted, {total} freed")

    def _each(self, chosen: Sequence[Removed], act: Callable[[Removed], object], done: str) -> None:
        """Do all that can be done; then raise the first of what could not."""
        good, faults = [], []
        for removed in chosen:
            try:
                act(removed)
                good.append(removed)
            except StoreError as error:
                faults.append(error)
        self._tell(good, done)
        for fault in faults[1:]:
            err().line(Span("error: ", "alarm"), fault.message)
        if faults:
            raise faults[0]

    def _tell(self, done: Sequence[Removed], what: str) -> None:
        if self._as_json:
            out().raw(json_text([_object(removed) for removed in done]) + "\n")
            return
        for removed in done[:_MOST_NAMED]:
            record = removed.record
            out().line(Span(record.id or removed.directory.name, "bold"), f"  {record.place}")
        if len(done) > _MOST_NAMED:
            out().line(f"and {len(done) - _MOST_NAMED} more")
        if done:
            out().line(f"{count(len(done), 'run')} {what}")


def _object(removed: Removed) -> dict[str, Any]:
    record = removed.record
    return {"id": record.id, "system": record.system, "place": record.place,
            "moved": record.moved, "trash": removed.entry.name}  # fmt: skip


def _directory(index: Index, name: str) -> Path:
    """The run directory that a name means; one that can't be read may go too, by its path."""
    try:
        path, iteration = index.resolve(name)
    except StoreError:
        if name and os.path.lexists(Path(name, paths.RUN)):
            return Path(name)
        raise
    if iteration is not None:
        raise ConfigError(
            f"{name} is an iteration, and runs go whole",
            hint=f"iterun rm {name.rpartition('@')[0]}",
        )
    return path


def _about(path: Path) -> dict[str, Any]:
    row = _row(path)
    if row is None:
        return {"id": path.name}
    return {"id": row.id, "system": row.system, "note": row.note or "",
            "sweep": str(row.get("sweep") or "")}  # fmt: skip


def _row(path: Path) -> Row | None:
    try:
        return row_of(path)
    except StoreError:
        return None


def _refuse_running(named: Sequence[Path]) -> None:
    """Before anything is moved; `trash.move` looks again."""
    for path in named:
        row = _row(path)
        if row is not None and row.state == RUNNING:
            status = RunView(path).status
            raise StoreError(
                f"{row.id} is running, as process {status.pid} on {status.host}",
                hint=f"end it first, as in `kill -INT {status.pid}`",
            )


def _once(found: Sequence[Path]) -> list[Path]:
    return list({os.path.realpath(path): path for path in found}.values())

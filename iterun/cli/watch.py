"""`iterun watch`: runs while they go on, by their files alone: Ctrl-C leaves them as they are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from iterun.analysis import settings
from iterun.cli import picked, watch_display
from iterun.cli.console import Span, err
from iterun.cli.watched import Watched
from iterun.errors import StoreError
from iterun.store import filters, paths
from iterun.store.index import Index
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.cli.watch_display import Display
    from iterun.core.progress import IterationDone
    from iterun.store.rows import Row

_TICK = 0.5  #: seconds between two looks
_PATIENCE = 10  #: looks without a running run, after which a filter is not waited for any more
MOST = 100  #: runs that are followed at once
_INTERRUPTED = 130

Told = list[tuple[Watched, list["IterationDone"]]]


def watch(words: Sequence[str], *, outputs: str | None, once: bool, as_json: bool) -> int:
    """Show runs until they have ended; the exit status that theirs was.

    Args:
        words: runs and conditions; none: the newest run that goes on, else the newest one.
        outputs: the folder with the runs; None: where they are by default.
        once: one look is enough.
        as_json: an object an iteration, for other programs.

    Raises:
        StoreError: a run can't be found or read.
        ConfigError: no run fits.
    """
    with Index(paths.outputs_root(outputs)) as index:
        runs = Runs(index, words)
        display = watch_display.display(once=once, as_json=as_json)
        with display:
            try:
                _follow(runs, display, once=once)
            except KeyboardInterrupt:
                display.end(runs)
                if runs.is_going_on:
                    goes = "the run goes on" if len(runs.all) == 1 else "the runs go on"
                    err().line(Span(f"left; {goes}", "dim"))
                return _INTERRUPTED
    return next((run.exit_status for run in runs.all if run.exit_status), 0)


def _follow(runs: Runs, display: Display, *, once: bool) -> None:
    wait, quiet = threading.Event(), 0
    while True:
        display.show(runs, runs.look())
        quiet = 0 if runs.is_going_on else quiet + 1
        if once or quiet > (_PATIENCE if runs.conditions and runs.was_going_on else 0):
            display.end(runs)
            return
        wait.wait(_TICK)


class Runs:
    """The runs that are watched: those named, and those that fit conditions as they come.

    Args:
        index: over the folder with the runs.
        words: ids, prefixes, tags, directories; conditions.
    """

    def __init__(self, index: Index, words: Sequence[str]) -> None:
        self.index = index
        self.conditions = [word for word in words if picked.is_condition(word)]
        self.was_going_on = False
        self.n_removed = 0  #: while they were watched
        self._found: dict[Path, Watched] = {}
        self._rows: list[Row] = []
        found = (
            picked.whole(picked.runs(index, words, limit=MOST + 1), "iterun watch")
            if words
            else [_newest(index)]
        )
        self.is_cut = len(found) > MOST  #: more fit than are followed
        for row in found:
            self._add(row)
        self.is_one = len(found) == 1 and not self.conditions

    @property
    def all(self) -> list[Watched]:
        """In the order of the words, newer ones that came later at the end."""
        return list(self._found.values())

    @property
    def is_going_on(self) -> bool:
        """Whether one of them runs."""
        return any(run.is_running for run in self.all)

    def labels(self) -> list[str]:
        """What tells each run's setting from the others'; empty if nothing does."""
        named = {
            row.path: setting.label if setting.differing else ""
            for setting in settings.group(self._rows)
            for row in setting.rows
        }
        return [named[path] for path in self._found]

    def look(self) -> Told:
        """Look at all of them again, and for new ones; the iterations that came.

        Raises:
            StoreError: a file can't be read.
        """
        if self.conditions and self.was_going_on:
            self.index.refresh()
            for row in self.index.rows(filters.parse(self.conditions), limit=MOST):
                self._add(row)
        told = [(run, self._look_at(run)) for run in self.all]
        self.was_going_on = self.was_going_on or self.is_going_on
        return [(run, events) for run, events in told if run.directory in self._found]

    def _look_at(self, run: Watched) -> list[IterationDone]:
        """What came of one run; of several, one that somebody removes is watched no more."""
        try:
            return run.look() if run.is_running else []
        except StoreError:
            if len(self._found) == 1 or run.directory.is_dir():
                raise
        del self._found[run.directory]
        self._rows = [row for row in self._rows if row.path.resolve() in self._found]
        self.n_removed += 1
        return []

    def _add(self, row: Row) -> None:
        path = row.path.resolve()
        if path in self._found or len(self._found) >= MOST:
            return
        try:
            self._found[path] = Watched(path)
        except StoreError:
            if path.is_dir() or not self._found:
                raise
            return  # removed since it was found
        self._rows.append(row)


def _newest(index: Index) -> Row:
    """The newest run that goes on, else the newest one.

    Raises:
        StoreError: there is none.
    """
    rows = index.rows(limit=MOST)
    if not rows:
        raise StoreError(f"no runs below {index.outputs} yet", hint="iterun task=prune makes one")
    return next((row for row in rows if row.state == RUNNING), rows[0])

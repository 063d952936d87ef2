"""Whether a run was done before, and what `on_existing` makes of that.

The same run is one of the same signature, seed and stop rules. A fork isn't: its first iterations
were computed with its parent's parameters. Nor is a run of another version of the code told apart:
who changed the code says on_existing=rerun.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from iterun.errors import StoreError
from iterun.store import paths
from iterun.store.reader import RunView
from iterun.store.schema import COMPLETED, DIVERGED, PRUNED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from iterun.store.schema import RunRecord

CHOICES = ("rerun", "skip", "resume")
Act = Literal["exists", "alive", "resumed"]
DONE = (COMPLETED, DIVERGED)  #: what diverged would diverge again with the same settings
_RANK = {COMPLETED: 0, DIVERGED: 1, RUNNING: 2}  # of several the best; then the furthest


@dataclass(frozen=True)
class Existing:
    """A run that was done before, or is being done."""

    directory: Path
    state: str
    act: Act  #: what to do with it; the word of `JobRecord.note`


def own(directory: Path, record: RunRecord) -> Existing | None:
    """The run that stands already where a job's run is to be: the same job's, begun before."""
    if not (directory / paths.RUN).is_file():
        return None
    view = RunView(directory)
    if (view.record.signature, view.record.seed) != (record.signature, record.seed):
        return None  # the directory is taken, and the store will say so
    state = view.state
    return Existing(directory, state, _act(state))


def better(own: Existing | None, other: Existing | None) -> Existing | None:
    """The job's own run, unless another one has come further."""
    if own is None or (own.act == "resumed" and other is not None and other.act != "resumed"):
        return other
    return own


def find(
    record: RunRecord, config: Mapping[str, Any], on_existing: str, folder: Path
) -> Existing | None:
    """The run to take instead of a new one; None: do a new one.

    Args:
        record: of the run that is to be.
        config: its config.
        on_existing: rerun, skip or resume.
        folder: holds the runs of its system.
    """
    if on_existing == "rerun":
        return None
    found = []
    for directory in _known(folder).same(record.signature, record.seed):
        with contextlib.suppress(StoreError):
            view = RunView(directory)
            state, at = view.state, view.status.iteration or 0
            if view.status.reason == PRUNED:
                state = PRUNED  # a search ended it early: it is not done
            if _rules(view.config) == _rules(config):
                found.append((_RANK.get(state, 3), -at, directory, state))
    for *_, directory, state in sorted(found):
        act = _act(state)
        if act != "resumed" or on_existing == "resume":
            return Existing(directory, state, act)
    return None


def _act(state: str) -> Act:
    if state in DONE:
        return "exists"
    return "alive" if state == RUNNING else "resumed"


def _rules(config: Mapping[str, Any]) -> dict[str, Any]:
    """The stop rules that are on."""
    return {key: value for key, value in (config.get("stop") or {}).items() if value is not None}


class _Known:
    """The runs of a folder by signature and seed; each is read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: set[str] = set()
        self._by: dict[tuple[str, int], list[Path]] = {}

    def same(self, signature: str, seed: int) -> Iterator[Path]:
        for name in self._new():
            with contextlib.suppress(StoreError):
                record = RunView(self.folder / name).record
                self._seen.add(name)
                if record.parent is None:
                    key = record.signature, record.seed
                    self._by.setdefault(key, []).append(self.folder / name)
        for directory in self._by.get((signature, seed), ()):
            if directory.is_dir():
                yield directory

    def _new(self) -> list[str]:
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return [name for name in names if name not in self._seen and not name.startswith(".")]


_folders: dict[Path, _Known] = {}


def _known(folder: Path) -> _Known:
    return _folders.setdefault(folder, _Known(folder))

"""What the screen writes: tags, notes, runs to the trash and back. By `store.marks` and `trash`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from iterun.analysis import facts
from iterun.cli.figures import count
from iterun.errors import ConfigError, IterunError
from iterun.store import marks, trash
from iterun.store.reader import RunView

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.rows import Row
    from iterun.store.trash import Removed


def tag(rows: Sequence[Row], text: str) -> str:
    """Give and take tags: `best +good -draft`; what was done.

    Raises:
        ConfigError: a word can't be a tag.
        StoreError: a run is gone.
    """
    words = text.replace(",", " ").split()
    add = [word.removeprefix("+") for word in words if not word.startswith("-")]
    remove = [word[1:] for word in words if word.startswith("-")]
    for word in add:
        marks.check_tag(word)
    changes = [marks.set_tags(row.path, add, remove) for row in rows]
    changed = sum(bool(change.added or change.removed) for change in changes)
    return f"tags of {count(changed, 'run')} changed" if changed else "they had it so already"


def note(row: Row, text: str) -> str:
    """Write or remove a note; what was done.

    Raises:
        ConfigError: the text is too long.
        StoreError: the run is gone.
    """
    before = marks.set_note(row.path, text)
    if before == text.strip():
        return "the note was so already"
    return f"{row.id}: note {'written' if text.strip() else 'removed'}"


def note_of(row: Row) -> str:
    """The note there is, on one line.

    Raises:
        ConfigError: it has several lines.
        StoreError: it can't be read.
    """
    text = marks.read(row.path).note
    if len(text.splitlines()) > 1:
        raise ConfigError(
            f"the note of {row.id} has several lines", hint=f"iterun note {row.id} --edit"
        )
    return text


class Trash:
    """Runs that were moved to the trash here, to be brought back.

    Args:
        outputs: the folder with the runs.
    """

    def __init__(self, outputs: Path) -> None:
        self._outputs = outputs
        self._moved: list[list[Removed]] = []

    def move(self, rows: Sequence[Row]) -> str:
        """Move runs to the trash, all that can be; what was done."""
        moved, faults, now = [], [], time.time()
        for row in rows:
            about = {"id": row.id, "system": row.system, "note": row.note or "",
                     "sweep": str(row.get("sweep") or "")}  # fmt: skip
            try:
                moved.append(trash.move(self._outputs, row.path, now=now, about=about))
            except IterunError as error:
                faults.append(error.message)
        if moved:
            self._moved.append(moved)
        return _told(len(moved), "moved to the trash; z brings back", faults)

    def restore(self) -> str:
        """Bring back what was moved last; what was done."""
        if not self._moved:
            return "nothing was moved to the trash here; iterun rm --trash lists what is in it"
        back, faults = 0, []
        for removed in self._moved.pop():
            try:
                trash.restore(self._outputs, removed)
                back += 1
            except (IterunError, OSError) as error:
                faults.append(str(error))
        return _told(back, "restored", faults)


def _told(n: int, done: str, faults: Sequence[str]) -> str:
    parts = [f"{count(n, 'run')} {done}"] if n or not faults else []
    parts += [f"{len(faults)} not: {faults[0]}"] if faults else []
    return "; ".join(parts)


def line_of(row: Row) -> str:
    """The line that repeats a run.

    Raises:
        StoreError: the run is gone.
        ConfigError: nothing was recorded.
    """
    line = facts.command(RunView(row.path).record)
    if not line:
        raise ConfigError(f"{row.id} does not say how it was started", hint="")
    return line

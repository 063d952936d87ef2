"""`iterun tag` and `iterun note`: words and remarks on runs."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from iterun.cli import picked
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, table
from iterun.errors import ConfigError
from iterun.store import marks, paths
from iterun.store.index import Index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.marks import Change
    from iterun.store.rows import Row


def tag(words: Sequence[str], *, outputs: str | None, as_json: bool) -> None:
    """Give and take tags, or show them.

    Args:
        words: runs, conditions, and `+TAG` or `-TAG`.
        outputs: the folder with the runs; None: where they are by default.
        as_json: an array of objects instead of a table.

    Raises:
        ConfigError: a word can't be a tag, a condition can't be read, or none of the runs is named.
        StoreError: no run has a name, or its marks can't be read.
    """
    add = [word[1:] for word in words if word.startswith("+")]
    remove = [word[1:] for word in words if word.startswith("-")]
    names = [word for word in words if word[:1] not in ("+", "-")]
    for word in add:
        marks.check_tag(word)
    with Index(paths.outputs_root(outputs)) as index:
        if not names:
            if add or remove:
                raise ConfigError("no run is named", hint=f"as in iterun tag @-1 {words[0]}")
            _all_tags(index, as_json=as_json)
            return
        rows = [found.row for found in picked.runs(index, names)]
    changes = [marks.set_tags(row.path, add, remove) for row in rows]
    if as_json:
        body = [{"id": row.id, **vars(c)} for row, c in zip(rows, changes, strict=True)]
        out().raw(json_text(body) + "\n")
        return
    _tell(rows, changes, asked=bool(add or remove))


def _all_tags(index: Index, *, as_json: bool) -> None:
    counted = Counter(tag for row in index.rows() for tag in row.tags)
    found = dict(sorted(counted.items(), key=lambda pair: (-pair[1], pair[0])))
    if as_json:
        out().raw(json_text(found) + "\n")
    elif not found:
        err().line("no run has a tag; `iterun tag RUN +best` gives one")
    else:
        runs = [count(n, "run") for n in found.values()]
        table(out(), [Column(head="tag", cells=list(found), least=20), Column(head="", cells=runs)])


def _tell(rows: Sequence[Row], changes: Sequence[Change], *, asked: bool) -> None:
    shown = [
        (row, change)
        for row, change in zip(rows, changes, strict=True)
        if change.added or change.removed or not asked
    ]
    if shown:
        made = [" ".join([*(f"+{t}" for t in c.added), *(f"-{t}" for t in c.removed)])
                for _, c in shown]  # fmt: skip
        columns = [
            Column(head="id", cells=[row.id for row, _ in shown], style="bold"),
            Column(head="system", cells=[row.system for row, _ in shown], least=10, drop=2),
            Column(head="changed", cells=made, least=12, style="accent"),
            Column(head="tags", cells=[" ".join(c.tags) for _, c in shown], least=12),
        ]
        table(out(), [c for c in columns if c.head != "changed" or asked])
    if asked and (same := len(rows) - len(shown)):
        err().line(Span(f"{count(same, 'run')} had it so already", "dim"))


def note(
    name: str, text: Sequence[str] | None, *, edit: bool, outputs: str | None, as_json: bool
) -> None:
    """Write, remove or print the note of one run.

    Args:
        name: as `Index.resolve` takes it.
        text: words of the new note; None: print the one there is.
        edit: write it in an editor.
        outputs: the folder with the runs; None: where they are by default.
        as_json: an object instead of text.

    Raises:
        ConfigError: the text is too long, or there is no editor.
        StoreError: no run has the name, or its marks can't be read.
    """
    with Index(paths.outputs_root(outputs)) as index:
        directory, _ = index.resolve(name)
    before = marks.read(directory).note
    if edit:
        text = [_edited(before)]
    if text:
        marks.set_note(directory, " ".join(text))
    now = marks.read(directory).note
    if as_json:
        out().raw(json_text({"run": directory.name, "note": now or None}) + "\n")
    elif text:
        _say_changed(err(), directory, before, now)
    elif now:
        for line in now.splitlines():
            out().line(line)
    else:
        err().line(f"{directory.name} has no note; `iterun note RUN TEXT` writes one")


def _say_changed(screen: Screen, directory: Path, before: str, now: str) -> None:
    if before == now:
        screen.line(f"{directory.name}: the note was so already" if now else "there was no note")
        return
    done = "changed" if before and now else "removed" if before else "written"
    screen.line(f"{directory.name}: note {done}")
    if before:
        screen.line(Span(f"it was: {before}", "dim"))


def _edited(before: str) -> str:
    import shlex
    import subprocess
    import tempfile

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise ConfigError("no editor is named", hint="set EDITOR, or give the text on the line")
    with tempfile.NamedTemporaryFile("w+", suffix=".txt", encoding="utf-8") as file:
        file.write(before)
        file.flush()
        try:
            done = subprocess.run([*shlex.split(editor), file.name], check=False).returncode
        except OSError as error:
            raise ConfigError(f"{editor} can't be started: {error.strerror}", hint="") from error
        if done:
            raise ConfigError(f"{editor} ended with status {done}: the note is as it was")
        with open(file.name, encoding="utf-8", errors="replace") as written:
            return written.read()

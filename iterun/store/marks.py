"""Tags and a note on a run, in `marks.json`: the user's file, not the writer's.

    {"tags": ["best"], "note": "lr too high", "off": ["first"]}

"off" are tags of the config that were taken away again. The file is replaced whole, by one process
at a time: they wait on a lock of the run directory itself, which ends with its process.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, StoreError
from iterun.store import paths
from iterun.store.reader import RunView
from iterun.store.schema import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LONGEST_TAG = 100  #: characters
MOST_TAGS = 1000  #: of a run
LONGEST_NOTE = 100_000  #: characters
_TAG = (
    r"[^\s,=<>~*?\[\]@/\\\"'+-][^\s,=<>~*?\[\]@/\\\"']*"  # what names, filters and lists can hold
)


@dataclass(frozen=True)
class Marks:
    """What the user wrote on a run."""

    tags: tuple[str, ...] = ()  #: beside those of the config
    note: str = ""
    off: tuple[str, ...] = ()  #: tags of the config that don't count

    def with_config(self, given: Iterable[str]) -> list[str]:
        """All tags of a run whose config gives some, in the order in which they came."""
        kept = (tag for tag in given if tag not in self.off)
        return list(dict.fromkeys((*kept, *self.tags)))


@dataclass(frozen=True)
class Change:
    """What `set_tags` did: words that the run had or had not already are in neither."""

    added: list[str]
    removed: list[str]
    tags: list[str]  #: all that the run has now


def read(directory: Path) -> Marks:
    """The marks of a run; none if there is no file.

    Raises:
        StoreError: the file can't be read.
    """
    return of(RunView(directory))


def of(view: RunView) -> Marks:
    """As `read`, of a run that is looked at."""
    if not view.has(paths.MARKS):
        return Marks()
    try:
        return _marks(view.decoded(paths.MARKS))
    except ValueError as error:
        raise view.unreadable(paths.MARKS, str(error)) from error


def of_config(config: dict[str, Any]) -> list[str]:
    """The tags that the run was started with."""
    tags = config.get("tags") or []
    return [str(tag) for tag in tags] if isinstance(tags, list) else [str(tags)]


def check_tag(tag: str) -> None:
    """Refuse what can't be a tag.

    Raises:
        ConfigError: it holds what names and filters give a meaning, or is too long.
    """
    if not (re.fullmatch(_TAG, tag) and tag.isprintable() and len(tag) <= LONGEST_TAG):
        raise ConfigError(
            f"{tag!r} can't be a tag",
            hint=f"a tag is a word of up to {LONGEST_TAG} characters without , = < > ~ * ? @ / "
            "and quotes, as in best or for-paper",
        )


def set_tags(directory: Path, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Change:
    """Give a run tags and take others away; one given by its config is only put out of force.

    Raises:
        ConfigError: a word to add can't be a tag.
        StoreError: the run is gone, or its marks can't be read.
        DiskError: no room, or not allowed to write.
    """
    add, remove = list(dict.fromkeys(add)), set(remove)
    for tag in add:
        check_tag(tag)
    given = _given(directory)
    with _alone(directory):
        now = read(directory)
        before = now.with_config(given)
        off = dict.fromkeys(tag for tag in now.off if tag not in add)
        off |= dict.fromkeys(tag for tag in given if tag in remove)
        own = [tag for tag in now.tags if tag not in remove]
        own += [tag for tag in add if tag not in given and tag not in own]
        if len(own) > MOST_TAGS:
            raise ConfigError(f"more than {MOST_TAGS} tags on one run", hint="take some off")
        marks = Marks(tuple(own), now.note, tuple(off))
        if marks != now:
            _write(directory, marks)
    tags = marks.with_config(given)
    return Change(
        [tag for tag in tags if tag not in before], [tag for tag in before if tag not in tags], tags
    )


def set_note(directory: Path, text: str) -> str:
    """Write the run's note, or remove it with an empty text; what it was before.

    Raises:
        ConfigError: the text is too long.
        StoreError: the run is gone, or its marks can't be read.
        DiskError: no room, or not allowed to write.
    """
    text = text.strip()
    if len(text) > LONGEST_NOTE:
        raise ConfigError(
            f"a note of {len(text):,} characters is too long",
            hint=f"keep it below {LONGEST_NOTE:,}, and the rest in a file",
        )
    with _alone(directory):
        now = read(directory)
        if text != now.note:
            _write(directory, Marks(now.tags, text, now.off))
    return now.note


def _marks(found: object) -> Marks:
    """The marks of a decoded file.

    Raises:
        ValueError: it is of another form.
    """
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    note = found.get("note", "")
    tags, off = (found.get(key, []) for key in ("tags", "off"))
    if not isinstance(note, str):
        raise ValueError("the key 'note' is no text")
    for name, words in (("tags", tags), ("off", off)):
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError(f"the key {name!r} is no list of words")
        if len(words) > MOST_TAGS or any(len(word) > LONGEST_TAG for word in words):
            raise ValueError(f"the key {name!r} holds more or longer words than iterun writes")
    if len(note) > LONGEST_NOTE:
        raise ValueError("the note is longer than iterun writes one")
    return Marks(tuple(dict.fromkeys(tags)), note, tuple(dict.fromkeys(off)))


def _given(directory: Path) -> list[str]:
    view = RunView(directory)
    view.record  # noqa: B018  # raises if it is no run
    try:
        return of_config(view.config)
    except StoreError:
        return []


def _write(directory: Path, marks: Marks) -> None:
    body = {"tags": list(marks.tags), "note": marks.note, "off": list(marks.off)}
    data = encode({key: value for key, value in body.items() if value}) + b"\n"
    from iterun.store import disk

    for is_last in (False, True):
        try:
            disk.write_beside(directory / paths.MARKS, data, durable=True)
            break
        except FileNotFoundError:  # a resume just removed what looked like a dead writer's
            if is_last or not os.path.isdir(directory):
                raise _gone(directory) from None
    disk.touch(directory.parent)  # tells the index to look at finished runs again


@contextlib.contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Wait until no other process changes these marks; where nothing can be locked, go on."""
    from iterun.store import disk

    try:
        fd = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        raise _gone(directory) from None
    except OSError as error:
        raise disk.disk_error(error, directory) from error
    try:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _gone(directory: Path) -> StoreError:
    return StoreError(
        f"{directory} is gone", hint="`iterun rm --trash` lists what was moved to the trash"
    )

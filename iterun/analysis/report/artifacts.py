"""What a run delivered, as a page can show it: pictures, beginnings of texts, names of the rest."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterun.analysis.report import images
from iterun.store import disk, paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from iterun.store.reader import RunView
    from iterun.store.schema import Iteration

MOST_FRAMES = 40  #: pictures of one series
MOST_PICTURES = 120  #: of one run
MOST_TEXTS = 12  #: of one run
MOST_TEXT = 16_000  #: bytes of one text
MOST_FILES = 500  #: that are named
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg")
_TEXTS = (
    ".txt", ".md", ".json", ".jsonl", ".csv", ".tsv", ".yaml", ".yml", ".log", ".py", ".sql",
    ".html", ".xml", ".tex", ".v", ".patch", ".diff",
)  # fmt: skip


class Budget:
    """Bytes that the page may still take; what no longer fits is counted."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.refused = 0  #: how often something did not fit

    def take(self, size: int) -> bool:
        """Whether `size` bytes more fit; then they are taken."""
        if size > self.left:
            self.refused += 1
            return False
        self.left -= size
        return True


@dataclass
class Frame:
    """One picture."""

    name: str
    uri: str
    i: int | None = None  #: the iteration that it belongs to


@dataclass
class Series:
    """Pictures of one name, in the order of their iterations."""

    name: str
    frames: list[Frame]
    total: int  #: how many there are, shown or not


@dataclass
class Text:
    """The beginning of a text."""

    name: str
    size: int
    body: str
    is_cut: bool


@dataclass
class File:
    """A file that is only named."""

    name: str
    size: int
    why: str = ""  #: it is not shown, though it is of a kind that is


@dataclass
class Artifacts:
    """All that a run delivered."""

    series: list[Series] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    count: int = 0
    size: int = 0


@dataclass
class _Found:
    """A file below `artifacts`."""

    name: str
    path: Path
    size: int
    i: int | None = None
    series: str = ""


def read(view: RunView, lines: Iterable[Iteration], budget: Budget) -> Artifacts:
    """Look at everything below `artifacts`; links are not followed.

    Args:
        view: the run.
        lines: its iterations, which name the files that they made.
        budget: of the page.
    """
    found = _found(view, lines)
    shown = Artifacts(count=len(found), size=sum(one.size for one in found))
    by_series: dict[str, list[_Found]] = {}
    for one in found:
        suffix = one.path.suffix.lower()
        if suffix in _PICTURES:
            by_series.setdefault(one.series, []).append(one)
        elif suffix in _TEXTS and len(shown.texts) < MOST_TEXTS and one.size:
            _add_text(shown, one, budget)
        else:
            shown.files.append(File(one.name, one.size))
    room = MOST_PICTURES
    for name, members in by_series.items():
        room -= _add_series(shown, name, members, budget, room)
    return shown


def _found(view: RunView, lines: Iterable[Iteration]) -> list[_Found]:
    root = view.directory / paths.ARTIFACTS
    made = {name: line.i for line in lines for name in line.files}
    found = []
    for path in view.artifacts():
        try:
            status = path.lstat()
        except OSError:
            continue  # removed meanwhile
        if stat.S_ISREG(status.st_mode):
            name = path.relative_to(root).as_posix()
            i = made.get(f"{paths.ARTIFACTS}/{name}", paths.iteration_number(name.split("/")[0]))
            series = name if i is None else _series(name, i)
            found.append(_Found(name, path, status.st_size, i, series))
    return found


def _series(name: str, i: int) -> str:
    """The name without its iteration: that of all pictures that belong together."""
    folder = f"{paths.iteration_folder(i)}/"
    if name.startswith(folder):
        return name.removeprefix(folder)
    head, number, tail = name.rpartition(str(i))
    return f"{head}{{i}}{tail}" if number else name


def _add_series(
    shown: Artifacts, name: str, members: list[_Found], budget: Budget, room: int
) -> int:
    """Add the pictures of one name; how many."""
    members.sort(key=lambda one: (one.i is None, one.i or 0, one.name))
    chosen = _spread(members, min(MOST_FRAMES, max(room, 0)))
    kept = {one.name for one in chosen}
    left = [one for one in members if one.name not in kept]
    shown.files += [File(one.name, one.size, "one of many") for one in left]
    frames = []
    for one in chosen:
        try:
            frames.append(Frame(one.name, _picture(one, budget), one.i))
        except (OSError, ValueError) as error:
            shown.files.append(File(one.name, one.size, str(error)))
    if frames:
        shown.series.append(Series(name, frames, len(members)))
    return len(frames)


def _spread(members: Sequence[_Found], most: int) -> list[_Found]:
    """At most so many, evenly spread, with the first and the last."""
    n = len(members)
    if n <= most:
        return list(members)
    if most < 2:
        return list(members[n - most :])
    return [members[round(k * (n - 1) / (most - 1))] for k in range(most)]


def _picture(one: _Found, budget: Budget) -> str:
    """Its `data:` address.

    Raises:
        OSError: it can't be read, or is a link by now.
        ValueError: why it can't be shown.
    """
    if one.size > images.MOST_BYTES:
        raise ValueError("too large to be shown")
    if one.size * 4 // 3 > budget.left:
        budget.refused += 1
        raise ValueError("the page is full")
    uri = images.data_uri(disk.read_small(one.path, images.MOST_BYTES))
    if not budget.take(len(uri)):
        raise ValueError("the page is full")
    return uri


def _add_text(shown: Artifacts, one: _Found, budget: Budget) -> None:
    if not budget.take(2 * min(one.size, MOST_TEXT)):
        shown.files.append(File(one.name, one.size, "the page is full"))
        return
    try:
        with open(one.path, "rb", opener=disk.no_link) as file:
            raw = file.read(MOST_TEXT)
    except OSError as error:
        shown.files.append(File(one.name, one.size, str(error.strerror)))
        return
    if b"\0" in raw:
        shown.files.append(File(one.name, one.size, "not a text"))
        return
    shown.texts.append(Text(one.name, one.size, raw.decode(errors="replace"), one.size > len(raw)))

"""What is wrong with a run directory, and what helps. Looking changes nothing; no torch."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from iterun.errors import StoreError
from iterun.store import artifacts, checkpoint, lines, marks, paths, process, trees
from iterun.store.reader import RunView
from iterun.store.schema import COMPLETED, LOST, RUNNING, Iteration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

Kind = Literal[
    "unreadable", "dead", "lines", "checkpoints", "files", "leftovers", "links", "clock", "foreign"
]
Mend = Literal["set aside", "say interrupted", "cut lines", "checkpoint aside", "clean"]

_AHEAD = 60.0  #: seconds that a clock may be ahead before it is told
_WHOLE = 8 << 20  #: bytes of iterations.jsonl up to which every line is looked at
_TAIL = 1 << 16  #: bytes of a larger one that are
_SOME = 3  #: names that a message lists
_KNOWN = {
    paths.HYDRA, paths.CONFIG, paths.RUN, paths.STATUS, paths.ITERATIONS, paths.SUMMARY,
    paths.CHECKPOINTS, paths.ARTIFACTS, paths.LOG, paths.PATCH, paths.MARKS,
}  # fmt: skip
_OURS = re.compile(r"config\.\d+\.json|[a-z]+\.dropped-\d+\.jsonl?")
#: kind, text, remedy, whether it is bad
_STRAYS: dict[str, tuple[Kind, str, str, bool]] = {
    "left": (
        "leftovers", "half written by a process that is gone: {}",
        "iterun gc removes it once a minute has passed", False,
    ),
    "link out": (
        "links", "leading out of the run, and never followed: {}", "remove the link", True,
    ),
    "pipe": ("links", "neither a file nor a folder: {}", "remove it", True),
    "link": (
        "links", "a link, and never followed: {}", "put the file in its place", False,
    ),
    "foreign": ("foreign", "not iterun's: {}", "it may stay", False),
}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, or worth knowing."""

    kind: Kind
    text: str
    remedy: str
    is_bad: bool = True  #: False: nothing that keeps the run from being read or gone on with
    mend: Mend | None = None  #: what `mending.mend` can do about it
    name: str = ""  #: of the file
    number: int = 0  #: of the checkpoint


class Inspection:
    """A look at one run directory.

    Args:
        directory: of the run.
        now: seconds since the epoch.
        deep: hash what is known by its content, and read every line.
    """

    def __init__(self, directory: Path, *, now: float, deep: bool) -> None:
        self.directory = directory
        self.view = RunView(directory)
        self._now = now
        self._deep = deep
        self._readable: set[str] = set()

    def faults(self) -> Iterator[Fault]:
        """All that is wrong, gravest first."""
        yield from self._records()
        if paths.STATUS in self._readable:
            yield from self._life()
        is_live = paths.STATUS in self._readable and self.view.state == RUNNING
        if not is_live:  # of a live one, half of this is being written
            yield from self._lines()
            yield from self._checkpoints()
        yield from self._tree(is_live=is_live)

    def _records(self) -> Iterator[Fault]:
        """JSON files that can't be read."""
        view = self.view
        reads: dict[str, Callable[[], object]] = {
            paths.RUN: lambda: view.record, paths.CONFIG: lambda: view.config,
            paths.STATUS: lambda: view.status, paths.SUMMARY: lambda: view.summary,
            paths.MARKS: lambda: marks.of(view),
        }  # fmt: skip
        aside = (paths.STATUS, paths.SUMMARY, paths.MARKS)  # the run can do without
        for name, read in reads.items():
            try:
                read()
                self._readable.add(name)
            except StoreError as error:
                mend: Mend | None = "set aside" if name in aside else None
                yield Fault("unreadable", error.message, error.hint, mend=mend, name=name)

    def _life(self) -> Iterator[Fault]:
        """Whether who is said to run it does, by clocks that can be."""
        status = self.view.status
        resume = f"iterun resume {self._word()}"
        if self.view.state == LOST:
            who = f"process {status.pid} on {status.host or 'an unknown machine'}"
            text = f"said to be running, but its process is gone ({who})"
            text = text if status.pid else (status.reason or text)
            yield Fault("dead", text, resume, mend="say interrupted")
        ahead = status.heartbeat - self._now
        if ahead > _AHEAD:
            span = "more than a day" if ahead > process.AHEAD else f"{ahead:.0f} s"
            text = f"its heartbeat is {span} ahead of this machine's clock"
            yield Fault(
                "clock", text, f"set the clock of {status.host or 'its host'}", is_bad=False
            )
        if paths.RUN in self._readable and self._started() > self._now + _AHEAD:
            text = f"it started at {self.view.record.created}, which is yet to come"
            hint = f"set the clock of {self.view.record.host or 'its host'}"
            yield Fault("clock", text, hint, is_bad=False)

    def _started(self) -> float:
        from datetime import datetime

        return datetime.fromisoformat(self.view.record.created).timestamp()

    def _lines(self) -> Iterator[Fault]:
        """Lines that can't be read, and files they name that are gone."""
        path = self.directory / paths.ITERATIONS
        try:
            with self.view.open_iterations() as file:
                size = os.fstat(file.fileno()).st_size
                if size > _WHOLE and not self._deep:
                    file.seek(size - _TAIL)
                    if not file.read().endswith(b"\n"):
                        yield _torn(0)
                    return
                end, names = 0, dict[str, None]()
                for line in lines.read_lines(file, path):
                    end = line.end
                    with contextlib.suppress(ValueError):
                        names |= dict.fromkeys(Iteration.from_json(line.value).files)
                        continue
                    raise lines.bad_line(path, line.number, "is no iteration")
        except StoreError as error:
            yield Fault("lines", error.message, error.hint, name=paths.ITERATIONS)
            return
        if end < size:
            yield _torn(size - end)
        yield from self._named(list(names))

    def _named(self, names: Sequence[str]) -> Iterator[Fault]:
        out, gone = [], []
        for name in names:
            folder, _, rest = name.partition("/")
            try:
                path = self.directory / folder / paths.artifact_name(rest)
            except StoreError:
                out.append(name)
                continue
            if folder != paths.ARTIFACTS:
                out.append(name)
            elif not os.path.lexists(path):
                gone.append(name)
        if out:
            text = f"named by iterations, but no artifact's name: {_some(out)}"
            yield Fault("files", text, "the lines were changed: nothing reads such a file")
        if gone:
            text = f"named by iterations, but gone: {_some(gone)}"
            yield Fault("files", text, "put it back from a copy; the numbers stand without it")

    def _checkpoints(self) -> Iterator[Fault]:
        """Those that can't be loaded, and what they refer to that is gone."""
        try:
            numbers = checkpoint.available(self.directory)
        except StoreError as error:
            yield Fault("checkpoints", error.message, error.hint)
            return
        for i in numbers:
            try:
                checkpoint.check(self.directory, i, deep=self._deep)
                refs = checkpoint.references(self.directory, i)
            except StoreError as error:
                yield Fault(
                    "checkpoints", error.message, error.hint, mend="checkpoint aside", number=i
                )
                continue
            for ref in refs:
                if fault := artifacts.fault(self.directory, ref, deep=self._deep):
                    text = f"checkpoint {i} needs {ref.path}, which {fault}"
                    yield Fault("checkpoints", text, "put the file back from a copy")
        unfinished = paths.STATUS in self._readable and self.view.status.state != COMPLETED
        if unfinished and not numbers and (self.view.status.iteration or 0) > 0:
            text = "it has no checkpoint: a resume begins at the beginning"
            yield Fault("checkpoints", text, "put `checkpoints` back from a copy", is_bad=False)

    def _tree(self, *, is_live: bool) -> Iterator[Fault]:
        """Names that are not ours, links, pipes, and what a dead writer left."""
        found: dict[str, list[str]] = {}
        root = os.path.realpath(self.directory)
        for entry in trees.walk(self.directory):
            name = os.path.relpath(entry.path, self.directory)
            if (stray := _stray(entry, name, root)) is not None:
                found.setdefault(stray, []).append(name)
        for stray, (kind, text, hint, is_bad) in _STRAYS.items():
            if stray in found and not (stray == "left" and is_live):
                mend: Mend | None = "clean" if stray == "left" else None
                yield Fault(kind, text.format(_some(found[stray])), hint, is_bad, mend)

    def _word(self) -> str:
        import shlex

        id = self.view.record.id if paths.RUN in self._readable else self.directory.name
        return shlex.quote(id)


def _torn(n: int) -> Fault:
    text = f"the last line is torn: {n:,} bytes" if n else "the last line is torn"
    hint = "the next `iterun resume` moves it aside; all lines before it stand"
    return Fault("lines", text, hint, mend="cut lines", name=paths.ITERATIONS)


def _stray(entry: os.DirEntry[str], name: str, root: str) -> str | None:
    """Which of `_STRAYS` an entry is."""
    if entry.name.startswith((paths.PART, paths.OLD)):
        return "left"
    if entry.is_symlink():
        inside = os.path.realpath(entry.path).startswith(f"{root}{os.sep}")
        return "link" if inside else "link out"
    if not (entry.is_dir(follow_symlinks=False) or trees.is_file(entry)):
        return "pipe"
    return None if os.sep in name or _is_ours(name) else "foreign"


def _is_ours(name: str) -> bool:
    return name in _KNOWN or name.startswith(paths.CLAIM) or _OURS.fullmatch(name) is not None


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SOME} more" if len(names) > _SOME else ""
    return ", ".join(sorted(names)[:_SOME]) + more

"""JSON lines: iterations written fast, and files of lines read, split and cut."""

import json
import os
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

from iterun.errors import StoreError
from iterun.store import disk
from iterun.store.schema import Iteration, decode, encode

LONGEST_LINE = 64 << 20  #: bytes; a longer one is not ours
_PLAIN = {float, int}


class IterationFormat:
    """Makes the line of an iteration.

    The names of the metrics hardly change from one iteration to the next: the line of a first one
    becomes a template for the numbers of the next. repr of a float is exact, and 3 times faster
    here than json.
    """

    def __init__(self) -> None:
        self._templates: dict[tuple[str | None, ...], str] = {}

    def line(
        self,
        i: int,
        *,
        seconds: float,
        metrics: Mapping[str, float],
        cost: Mapping[str, float],
        labels: Mapping[str, str],
        files: Sequence[str],
    ) -> bytes:
        """The line with its line feed; the time is taken here, in milliseconds."""
        now = round(time.time(), 3)
        if not (labels or files):
            values = (i, now, seconds, *metrics.values(), *cost.values())
            if _PLAIN.issuperset(map(type, values)) and _all_finite(values):
                names = (*metrics, None, *cost)
                template = self._templates.get(names) or self._template(metrics, cost)
                return (template % values).encode()
        record = Iteration(
            i=i, time=now, seconds=seconds, metrics=dict(metrics), cost=dict(cost),
            labels=dict(labels), files=list(files),
        )  # fmt: skip
        return encode(record.to_json()) + b"\n"

    def _template(self, metrics: Mapping[str, float], cost: Mapping[str, float]) -> str:
        text = '{"i":%r,"time":%r,"seconds":%r'
        for key, numbers in (("metrics", metrics), ("cost", cost)):
            if numbers:
                slots = (json.dumps(name).replace("%", "%%") + ":%r" for name in numbers)
                text += f',"{key}":{{{",".join(slots)}}}'
        text += "}\n"
        self._templates[(*metrics, None, *cost)] = text
        return text


def _all_finite(values: Sequence[float]) -> bool:
    """Whether the sum is finite, hence all are; a sum that overflows only costs the fast way."""
    try:
        return isfinite(sum(values))
    except OverflowError:
        return False


@dataclass(frozen=True)
class Line:
    """A line that could be read."""

    number: int  #: counted from 1
    start: int  #: offset of its first byte
    end: int  #: offset after its line feed
    value: Any


def read_lines(file: BinaryIO, path: Path) -> Iterator[Line]:
    """The lines of a file that a crash may have left with a torn end.

    A bad line with nothing readable after it is that torn end and is passed over in silence.

    Raises:
        StoreError: a bad line has readable ones after it, or is longer than any of ours.
    """
    bad: tuple[int, str] | None = None
    start = number = 0
    while raw := file.readline(LONGEST_LINE):
        number += 1
        end = start + len(raw)
        value, fault = _value(raw)
        if fault is None:
            if bad:
                raise bad_line(path, *bad)
            yield Line(number, start, end, value)
        elif len(raw) >= LONGEST_LINE:
            raise bad_line(path, number, "is longer than 64 MiB")
        else:
            bad = bad or (number, fault)
        start = end


def _value(raw: bytes) -> tuple[Any, str | None]:
    if not raw.endswith(b"\n"):
        return None, "has no end"
    try:
        return decode(raw), None
    except ValueError as error:
        return None, f"is not JSON ({error})"


def bad_line(path: Path, number: int, fault: str) -> StoreError:
    """The error for one line of a file."""
    return StoreError(
        f"{path}: line {number} {fault}",
        hint=f"take it out, as in `sed -i {number}d {shlex.quote(str(path))}`: the others stand",
    )


@dataclass(frozen=True)
class Cut:
    """What `cut_after` moved."""

    n_lines: int  #: those that could be read
    files: list[str]  #: named by moved lines and by none that stayed


def cut_after(path: Path, k: int, dropped: Path) -> Cut:
    """Move all lines after iteration k, and a torn end, to the end of the file `dropped`.

    Lines carry their iteration as "i", in ascending order: what goes is the file's tail. It is on
    the disk in its new place before it leaves the old one.

    Raises:
        StoreError: a line up to k can't be read; nothing was moved.
        DiskError: no room for the dropped lines; nothing was moved.
    """
    with disk.disk_errors(path), open(path, "r+b") as file:
        keep, cut = _find_cut(file, path, k)
        if keep < file.seek(0, os.SEEK_END):
            file.seek(keep)
            _append_rest(file, dropped)
            file.truncate(keep)
            os.fsync(file.fileno())
    return cut


def _find_cut(file: BinaryIO, path: Path, k: int) -> tuple[int, Cut]:
    """The offset after the last line up to k, and what lies behind it."""
    keep = n_lines = 0
    last = -1
    kept: set[str] = set()
    files: list[str] = []
    try:
        for line in read_lines(file, path):
            if n_lines or iteration_of(line.value) > k:
                n_lines += 1
                files += _files_of(line.value)
            else:
                keep, last = line.end, iteration_of(line.value)
                kept.update(_files_of(line.value))
    except StoreError:
        if last < k:  # what comes after k goes, be it readable or not
            raise
    return keep, Cut(n_lines, [name for name in dict.fromkeys(files) if name not in kept])


def iteration_of(value: Any) -> int:
    """The iteration that a line belongs to; -1, before all others, if it names none."""
    i = value.get("i") if isinstance(value, dict) else None
    return i if isinstance(i, int) else -1


def _files_of(value: Any) -> list[str]:
    files = value.get("files") if isinstance(value, dict) else None
    return [name for name in files if isinstance(name, str)] if isinstance(files, list) else []


def _append_rest(file: BinaryIO, target: Path) -> None:
    """Copy the rest of `file` to the end of `target`, whole lines, onto the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with open(target, "ab") as out:
        before = out.tell()
        try:
            shutil.copyfileobj(file, out)
            file.seek(-1, os.SEEK_END)
            if file.read() != b"\n":
                out.write(b"\n")
            out.flush()
            os.fsync(out.fileno())
        except OSError:
            out.truncate(before)
            raise

"""`iterun doctor --runs`: what is wrong with recorded runs, what helps, and repairs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iterun.cli import picked
from iterun.cli.console import Screen, Span, err, out
from iterun.cli.figures import count, duration
from iterun.cli.formats import json_text
from iterun.errors import DiskError, StoreError
from iterun.store import database, mending, paths
from iterun.store.index import Index
from iterun.store.inspection import Fault, Inspection
from iterun.store.rows import row_of
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iterun.store.rows import Row

_MOST = 5  #: runs of a kind that are told one by one
_ROUNDS = 3  #: of repairs: what is moved aside may uncover something else
_ABOUT = {
    "index": "the index", "unreadable": "files that can't be read", "dead": "processes gone",
    "lines": "records of iterations", "checkpoints": "checkpoints", "files": "files of iterations",
    "links": "links and pipes", "leftovers": "left half written", "clock": "clocks",
    "foreign": "other files", "places": "folders without a run",
}  # fmt: skip


@dataclass
class Finding:
    """One fault of one run, or of what lies around the runs."""

    kind: str
    id: str
    directory: str
    text: str
    hint: str
    is_bad: bool
    fixable: bool
    fixed: str = ""  #: what a repair did
    fault: Fault | None = None

    def to_json(self) -> dict[str, Any]:
        """Without the fault itself."""
        return {name: x for name, x in vars(self).items() if name != "fault"}

    @property
    def remains(self) -> bool:
        """Whether it counts as a problem."""
        return self.is_bad and not self.fixed


@dataclass
class Examination:
    """A look at all runs, or at some.

    Args:
        outputs: the folder.
        deep: hash what is known by its content, and read every line.
        fix: repair what can be repaired without losing anything.
    """

    outputs: Path
    deep: bool
    fix: bool
    n_runs: int = 0
    findings: list[Finding] = field(default_factory=list)
    now: float = field(default_factory=time.time)

    def look(self, words: Sequence[str]) -> None:
        """Look, and repair."""
        if not words:
            self._look_at_index()
        with Index(self.outputs) as index:
            rows = [p.row for p in picked.runs(index, words)] if words else index.rows()
            broken = [] if words else index.broken()
            self.n_runs = len(rows) + len(broken)
            stale = [row.id for row in rows if self._look_at(row.path, row.id, row)]
            for path in broken:
                self._look_at(path, path.name, None)
            self._look_around([] if words else index.no_runs())
        if stale:
            self._rebuild(
                f"it holds {count(len(stale), 'run')} otherwise than the directories", is_bad=True
            )

    def _look_at(self, path: Path, id: str, row: Row | None) -> bool:
        """Look at a run; whether the index holds something else than its directory."""
        found, done = list[Finding](), list[Finding]()
        for _ in range(_ROUNDS if self.fix else 1):
            inspection = Inspection(path, now=self.now, deep=self.deep)
            found = [self._finding(fault, path, id) for fault in inspection.faults()]
            if not self.fix or not any(self._mend(finding, path) for finding in found):
                break
            done += [finding for finding in found if finding.fixed]
        self.findings += [*done, *(finding for finding in found if not finding.fixed)]
        return row is not None and not done and _is_stale(row, path)

    def _finding(self, fault: Fault, path: Path, id: str) -> Finding:
        return Finding(
            fault.kind, id, str(path), fault.text, fault.remedy, fault.is_bad,
            fixable=fault.mend is not None, fault=fault,
        )  # fmt: skip

    def _mend(self, finding: Finding, path: Path) -> bool:
        if finding.fault is None or finding.fault.mend is None:
            return False
        try:
            finding.fixed = mending.mend(path, finding.fault)
        except (StoreError, DiskError) as error:
            finding.hint = error.message
        return bool(finding.fixed)

    def _look_at_index(self) -> None:
        for place in database.places(self.outputs) if self.outputs.is_dir() else ():
            if fault := database.fault(place):
                self._rebuild(f"{place.name} is broken: {fault}", is_bad=True)

    def _rebuild(self, text: str, *, is_bad: bool) -> None:
        hint = f"`iterun doctor --runs --fix`, or delete {paths.INDEX}: it is built anew"
        finding = Finding("index", "", str(self.outputs), text, hint, is_bad, fixable=True)
        if self.fix:
            for place in database.places(self.outputs):
                database.remove(place)
            with Index(self.outputs) as index:
                index.refresh()
            finding.fixed = "built anew"
        self.findings.insert(0, finding)

    def _look_around(self, no_runs: Sequence[Path]) -> None:
        for path in no_runs:
            text = "no run: being made this moment, abandoned, or of something else"
            hint = "iterun gc removes what a killed process left of a run"
            self.findings.append(
                Finding("places", path.name, str(path), text, hint, is_bad=False, fixable=False)
            )


def _is_stale(row: Row, path: Path) -> bool:
    try:
        fresh = row_of(path)
    except StoreError:
        return False  # told by the inspection
    return RUNNING not in (row.state, fresh.state) and row.to_json() != fresh.to_json() | {
        "path": str(row.path)
    }


def show(words: Sequence[str], *, outputs: str | None, fix: bool, deep: bool, as_json: bool) -> int:
    """Look at runs, tell, and return the exit status: 1 if problems remain.

    Args:
        words: runs and conditions; none: all runs, and the index.
        outputs: the folder with the runs; None: where they are by default.
        fix: repair what can be repaired without losing anything.
        deep: hash what is known by its content, and read every line.
        as_json: one JSON object instead of a page.
    """
    began = time.perf_counter()
    examination = Examination(paths.outputs_root(outputs), deep=deep, fix=fix)
    examination.look(words)
    seconds = time.perf_counter() - began
    problems = [finding for finding in examination.findings if finding.remains]
    if as_json:
        body = {
            "ok": not problems, "runs": examination.n_runs, "seconds": round(seconds, 3),
            "findings": [finding.to_json() for finding in examination.findings],
        }  # fmt: skip
        out().raw(json_text(body) + "\n")
    else:
        _page(out(), examination, problems, seconds)
    return 1 if problems else 0


def _page(
    screen: Screen, examination: Examination, problems: Sequence[Finding], seconds: float
) -> None:
    for kind, about in _ABOUT.items():
        found = [finding for finding in examination.findings if finding.kind == kind]
        if found:
            _section(screen, about, found)
    n, mended = examination.n_runs, [f for f in examination.findings if f.fixed]
    looked = f"{count(n, 'run')} below {examination.outputs} looked at in {duration(seconds)}"
    screen.line(Span(looked, "dim"))
    if mended:
        screen.line(Span(f"{len(mended)} repaired", "good"))
    if not problems:
        screen.line(Span("no problem is left" if mended else "all is well", "good"))
        return
    fixable = sum(finding.fixable for finding in problems)
    more = f"; --fix repairs {fixable} of them" if fixable and not examination.fix else ""
    screen.line(Span(count(len(problems), "problem") + more, "bad"))
    if len(examination.findings) > _MOST:
        screen.stream.flush()
        err().line(Span("--json lists every one", "dim"))


def _section(screen: Screen, about: str, found: Sequence[Finding]) -> None:
    screen.line(Span(about, "bold"), Span(f"  {len(found)}", "dim"))
    for finding in found[:_MOST]:
        style = "good" if finding.fixed else "bad" if finding.is_bad else "warn"
        mark = "+ " if finding.fixed else "! " if finding.is_bad else "- "
        name = f"{finding.id}  " if finding.id else ""
        screen.line(Span(mark, style), Span(name, "dim"), finding.text)
        if finding.fixed:
            screen.line("    ", Span("done: ", "good"), finding.fixed)
        elif finding.hint:
            screen.line("    ", Span("hint: ", "accent"), finding.hint)
    if len(found) > _MOST:
        screen.line(f"  and {len(found) - _MOST} more")
    screen.line()

"""`iterun gc`: what no run needs goes, and how many bytes that frees."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from iterun.cli import ask, picked
from iterun.cli.console import Span, err, out
from iterun.cli.figures import count, size
from iterun.cli.formats import json_text
from iterun.cli.tables import Column, table
from iterun.core import thinning
from iterun.errors import ConfigError, StoreError
from iterun.store import claim, filters, garbage, paths, trash, trees
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.schema import RUNNING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from iterun.store.garbage import Piece

_ABOUT: dict[str, str] = {
    "checkpoints": "beyond what is to be kept",
    "orphans": "tensors and files that no checkpoint refers to",
    "leftovers": "half written by processes that are gone",
    "sweeps": "folders of sweeps that came to nothing",
    "dropped": "given up by resumes",
    "trash": "runs moved to the trash",
}
_MOST_PROBLEMS = 3


@dataclass
class Plan:
    """What would go, and what could not be looked at."""

    runs: dict[Path, list[Piece]] = field(default_factory=dict)  #: by run directory
    beside: list[Piece] = field(default_factory=list)
    spared: list[Piece] = field(default_factory=list)  #: would go with another option
    problems: list[str] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """All that goes."""
        return [*(piece for pieces in self.runs.values() for piece in pieces), *self.beside]


class Freeing:
    """One `iterun gc`.

    Args:
        changes: settings of the group `checkpoint` instead of each run's own.
        dropped: also what resumes gave up.
        trashed_before: also runs moved to the trash before; None: none of them.
    """

    def __init__(
        self, changes: Mapping[str, Any], *, dropped: bool, trashed_before: float | None
    ) -> None:
        self._changes = changes
        self._dropped = dropped
        self._trashed_before = trashed_before
        self._now = time.time()

    def plan(self, index: Index, words: Sequence[str]) -> Plan:
        """Look, and change nothing."""
        plan = Plan()
        for row in [p.row for p in picked.runs(index, words)] if words else index.rows():
            if row.state == RUNNING:
                continue
            try:
                self._look(plan, row.path)
            except (StoreError, ConfigError) as error:
                plan.problems.append(f"{row.id}: {error.message}")
        if not words:
            self._look_beside(plan, index)
        return plan

    def _look(self, plan: Plan, directory: Path) -> None:
        gone = thinning.superfluous(RunView(directory), self._changes)
        for piece in garbage.of_run(directory, gone, now=self._now):
            if piece.kind != "dropped" or self._dropped:
                plan.runs.setdefault(directory, []).append(piece)
            else:
                plan.spared.append(piece)

    def _look_beside(self, plan: Plan, index: Index) -> None:
        plan.beside += garbage.of_folder(
            index.outputs, sweeps=index.sweeps(), no_runs=index.no_runs(), now=self._now
        )
        for removed in trash.listed(index.outputs):
            piece = garbage.Piece("trash", removed.entry, trees.size(removed.entry))
            before = self._trashed_before
            is_old = before is not None and removed.record.moved < before
            (plan.beside if is_old else plan.spared).append(piece)

    def remove(self, plan: Plan) -> Plan:
        """Remove what is planned, each run looked at again while nobody may resume it."""
        done = Plan(problems=list(plan.problems), spared=plan.spared)
        for directory in plan.runs:
            again = Plan()
            try:
                with claim.hold(directory):
                    self._look(again, directory)
                    pieces = again.runs.get(directory, [])
                    done.runs[directory] = [p for p in pieces if _remove(p, done.problems)]
            except (StoreError, ConfigError, OSError) as error:  # it goes on, or it is gone
                done.problems.append(str(error))
        done.beside = [piece for piece in plan.beside if _remove(piece, done.problems)]
        return done


def _remove(piece: Piece, problems: list[str]) -> bool:
    try:
        garbage.remove(piece)
    except StoreError as error:
        problems.append(error.message)
        return False
    return True


def gc(
    words: Sequence[str],
    *,
    outputs: str | None,
    dry_run: bool,
    dropped: bool,
    trashed: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Free what no run needs, or tell what that would be.

    Args:
        words: runs and conditions, to look at no others; settings of the group `checkpoint`.
        outputs: the folder with the runs; None: where they are by default.
        dry_run: change nothing.
        dropped: also what resumes gave up.
        trashed: also runs that lie in the trash so long, as "30d".
        yes: do not ask.
        as_json: one object instead of a table.

    Raises:
        ConfigError: a setting, an age or a condition that can't be; or nobody can be asked.
        StoreError: no run has a name.
    """
    settings = [word for word in words if word.startswith("checkpoint.")]
    changes = thinning.parse(settings)
    before = None
    if trashed is not None:
        before = filters.moment(f"--trash {trashed}", trashed, time.time())
    freeing = Freeing(changes, dropped=dropped, trashed_before=before)
    with Index(paths.outputs_root(outputs)) as index:
        plan = freeing.plan(index, [word for word in words if word not in settings])
    total = sum(piece.bytes for piece in plan.pieces)
    if plan.pieces and not dry_run:
        may_ask = changes or dropped or trashed is not None
        if may_ask and not ask.sure(f"delete {size(total)} for good", yes=yes):
            return
        plan = freeing.remove(plan)
    if as_json:
        out().raw(json_text(_object(plan, dry_run=dry_run)) + "\n")
    else:
        _tell(plan, dry_run=dry_run)
    _tell_problems(plan.problems)


def _by_kind(pieces: Sequence[Piece]) -> dict[str, dict[str, int]]:
    return {
        kind: {"count": len(found), "bytes": sum(piece.bytes for piece in found)}
        for kind in garbage.KINDS
        if (found := [piece for piece in pieces if piece.kind == kind])
    }


def _object(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    freed = _by_kind(plan.pieces)
    return {
        "dry_run": dry_run, "freed": freed, "bytes": sum(x["bytes"] for x in freed.values()),
        "runs": len(plan.runs), "left": _by_kind(plan.spared), "problems": plan.problems,
    }  # fmt: skip


def _tell(plan: Plan, *, dry_run: bool) -> None:
    freed, left = _by_kind(plan.pieces), _by_kind(plan.spared)
    if freed:
        _table(freed, n_runs=len(plan.runs))
    screen = err()
    if dry_run or not freed:
        screen.line("a dry run: nothing was removed" if freed else "there is nothing to free")
    for kind, option in (("dropped", "--dropped"), ("trash", "--trash AGE")):
        if kind in left:
            more = f"{size(left[kind]['bytes'])} more with {option}: {_ABOUT[kind]}"
            screen.line(Span(more, "dim"))


def _table(freed: Mapping[str, Mapping[str, int]], *, n_runs: int) -> None:
    total = sum(x["bytes"] for x in freed.values())
    columns = [
        Column(head="kind", cells=[*freed, "total"]),
        Column(head="pieces", cells=[*(f"{x['count']:,}" for x in freed.values()), ""], right=True),
        Column(
            head="freed", cells=[*(size(x["bytes"]) for x in freed.values()), size(total)],
            right=True, style="bold",
        ),
        Column(
            head="what", cells=[*(_ABOUT[kind] for kind in freed), f"in {count(n_runs, 'run')}"],
            least=10, drop=1, style="dim",
        ),
    ]  # fmt: skip
    table(out(), columns)
    out().stream.flush()


def _tell_problems(problems: Sequence[str]) -> None:
    for problem in problems[:_MOST_PROBLEMS]:
        err().line(Span("left alone: ", "warn"), problem)
    if len(problems) > _MOST_PROBLEMS:
        err().line(f"and {len(problems) - _MOST_PROBLEMS} more; `iterun doctor --runs` tells")

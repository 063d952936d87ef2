"""Chosen settings on fresh seeds, beside the scores that they were chosen by (`iterun select`).

A tuning score holds the luck that made its setting the best. So where a page shows runs that a
setting was chosen by, or the evaluation, it shows both, the evaluation as the result.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.analysis import evaluation, selection
from iterun.analysis.numbers import column
from iterun.analysis.report.listing import Cell, Column, numbers
from iterun.analysis.settings import Setting, block_of
from iterun.errors import StoreError
from iterun.store import paths, selections, sweeps
from iterun.store.rows import row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from iterun.analysis.evaluation import Evaluated, Line
    from iterun.ops.stats import Interval
    from iterun.store.rows import Row
    from iterun.store.selections import Selection


@dataclass
class Evaluation:
    """Settings that were evaluated on the same fresh seeds."""

    system: str  #: its block
    metric: str
    goal: str
    columns: list[Column]
    changes: str  #: what differs from the tuning besides: "data=wikitext2"


def is_one(row: Row) -> bool:
    """Whether a run is one of an evaluation."""
    return selections.TAG in row.tags


def read(outputs: Path, rows: Iterable[Row]) -> list[Evaluation]:
    """The evaluations that these runs belong to, or that were chosen by them."""
    known = {row.id: row for row in rows}
    asked = {str((row.sweep or {}).get("id")) for row in known.values()}
    found: dict[tuple[object, ...], list[tuple[Selection, Evaluated]]] = {}
    for path in sorted((outputs / paths.SWEEPS).glob(f"*/{selections.SELECT}")):
        record = selections.read(path.parent)
        if record is None or not (path.parent.name in asked or known.keys() & record.tuning_runs):
            continue
        block, one = _evaluated(outputs, path.parent, record, known)
        key = (block, record.metric, record.goal, *record.seeds, *record.changes)
        found.setdefault(key, []).append((record, one))
    return [_evaluation(str(key[0]), members) for key, members in found.items()]


def _evaluated(
    outputs: Path, folder: Path, record: Selection, known: dict[str, Row]
) -> tuple[str, Evaluated]:
    """A setting, and the block in which it is ranked."""
    tuning = _rows(outputs, _tuning(outputs, record), known, set(record.tuning_runs))
    values = selection.values_by_seed(tuning, record.metric)
    tuned = {seed: x for seed, x in values.items() if seed in record.tuning_seeds}
    setting = Setting(signature=record.signature, system=record.system, rows=tuning)
    fresh = _rows(outputs, ((d.name, d) for d in _runs(folder)), {}, None)
    block = next((block_of(row) for row in (*tuning, *fresh)), record.system)
    return block, evaluation.Evaluated(
        label=record.label, role=record.role,
        tuned=selection.Scored(setting=setting, values=tuned) if tuned else None,
        values=selection.values_by_seed(fresh, record.metric),
    )  # fmt: skip


def _runs(folder: Path) -> list[Path]:
    try:
        return selections.runs(folder)
    except StoreError:
        return []


def _tuning(outputs: Path, record: Selection) -> Iterable[tuple[str, Path]]:
    """Ids and directories of the runs of the sweeps that a setting was chosen in."""
    for name in record.tuning_sweeps:
        try:
            jobs = sweeps.jobs(outputs / paths.SWEEPS / os.path.basename(name))
        except StoreError:
            continue
        yield from ((job.run or "", outputs / job.directory) for job in jobs if job.directory)


def _rows(
    outputs: Path, found: Iterable[tuple[str, Path]], known: dict[str, Row], wanted: set[str] | None
) -> list[Row]:
    """The rows of runs below `outputs`, those at hand first."""
    rows = {id: row for id, row in known.items() if wanted and id in wanted}
    root = os.path.realpath(outputs) + os.sep
    for id, directory in found:
        is_asked = id not in rows and (wanted is None or id in wanted)
        if is_asked and os.path.realpath(directory).startswith(root):
            try:
                rows[id] = row_of(directory)
            except StoreError:
                continue
    return list(rows.values())


def _evaluation(block: str, members: Sequence[tuple[Selection, Evaluated]]) -> Evaluation:
    first = members[0][0]
    ranked = sorted(members, key=lambda it: (it[1].role != evaluation.CHOSEN, it[0].rank))
    lines = evaluation.table([one for _, one in ranked], first.goal)
    return Evaluation(block, first.metric, first.goal, _columns(lines), " ".join(first.changes))


def _columns(lines: Sequence[Line]) -> list[Column]:
    tuning = [line.tuning for line in lines]
    fresh = [line.evaluation if line.evaluation.n else None for line in lines]
    columns = [
        Column("setting", [Cell(line.label) for line in lines]),
        Column("as", [Cell(line.role) for line in lines]),
        _means("evaluation: the result", fresh, "mean"),
        Column("95 % interval", _bounds(fresh)),
        Column("seeds", [Cell(str(i.n) if i else "") for i in fresh], is_number=True),
        _means("tuning: chosen by", tuning, "tuning"),
        Column("95 % interval", _bounds(tuning), kind="tuning"),
        Column("drop", numbers([line.drop for line in lines]), is_number=True),
    ]
    if any(line.against for line in lines):
        tests = [line.against for line in lines]
        columns += [
            Column("against the baseline", numbers([t and t.difference for t in tests]), True),
            Column("p", numbers([t and t.p for t in tests]), is_number=True),
        ]
    return columns


def _means(head: str, found: Sequence[Interval | None], kind: str) -> Column:
    return Column(head, numbers([i and i.mean for i in found]), is_number=True, kind=kind)


def _bounds(found: Sequence[Interval | None]) -> list[Cell]:
    def finite(x: float | None) -> float | None:
        return None if x is None or x != x else x

    lows = column([finite(i and i.low) for i in found])
    highs = column([finite(i and i.high) for i in found])
    return [Cell(f"{a} to {b}" if a and b else "") for a, b in zip(lows, highs, strict=True)]

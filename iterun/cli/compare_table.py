"""The table of a comparison on a terminal: a block a system, published figures below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.cli import published, words
from iterun.cli.console import Span
from iterun.cli.figures import column, count, duration, setting
from iterun.cli.tables import SOON, Column, table
from iterun.cli.text import clip
from iterun.store.columns import SECONDS
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iterun.analysis.baseline import Paired
    from iterun.analysis.comparison import Comparison, Measured
    from iterun.analysis.published import Figure
    from iterun.cli.console import Screen

__all__ = ["Column", "about", "chance", "columns", "draw"]

_LONGEST_CELL = 24
_LAST = 6  #: rank of most parameters: they go after costs and intervals, before tests
_MANY = 100_000  #: seeds: more than anybody runs


def draw(
    screen: Screen, found: Comparison, order: Sequence[int], figures: Sequence[Figure], *, most: int
) -> list[str]:
    """Write the blocks; what had no room, as remarks."""
    left_out: dict[str, None] = {}
    remarks = []
    noun = "setting" if found.grouped else "run"
    for n, system in enumerate(found.systems):
        if n:
            screen.line()
        own = [k for k in order if found.entries[k].system == system]
        title = f"  {about(found, system)}"
        screen.line(Span(system, "bold"), Span(clip(title, screen.width - len(system)), "dim"))
        asked = columns(found, system, own[:most])
        kept = table(screen, asked)
        left_out |= dict.fromkeys(c.head for c in asked if c not in kept)
        if len(own) > most:
            remarks.append(f"{most} of {count(len(own), noun)} of {system}; -n shows more")
    if figures:
        remarks += published.draw(screen, figures)
    if left_out:
        remarks.append(f"no room for {', '.join(left_out)}")
    return remarks


def about(found: Comparison, system: str) -> str:
    """What is better, how many there are, and what all of a system's entries share."""
    own = [found.entries[k] for k in found.of(system)]
    runs = sum(len(entry.setting.rows) for entry in own)
    objective = found.objectives[system]
    better = "smaller" if objective.get("goal") == "min" else "larger"
    parts = [f"{objective['metric']}: {better} is better" if objective else ""]
    parts.append(f"{count(len(own), 'setting')}, {count(runs, 'run')}" if found.grouped else "")
    rows = [entry.setting.rows[0] for entry in own]
    for name in ("model", "data"):
        values = {getattr(row, name) for row in rows}
        if len(values) == 1 and None not in values:
            parts.append(f"{name} {rows[0].get(name)}")
    if found.at is not None:
        parts.append(f"at iteration {found.at}")
    return "  ".join(part for part in parts if part)


def columns(found: Comparison, system: str, own: Sequence[int]) -> list[Column]:
    """The columns of a system's block.

    Args:
        found: the comparison.
        system: whose entries.
        own: their positions, in order.
    """
    asked = [*_runs(found, own), *_settings(found, system, own)]
    if found.grouped:
        asked += _seeds(found, own)
    for n, name in enumerate(found.names[system]):
        if n == 0 or any(found.metrics[name].n[k] for k in own):
            asked += _metric(found, name, own, n)
        if n == 0:
            asked += _tests(found, name, own)
    return [*asked, *_costs(found, own)]


def _runs(found: Comparison, own: Sequence[int]) -> list[Column]:
    """id, state and seed, where every run stands by itself."""
    if found.grouped:
        return []
    rows = [found.entries[k].setting.rows[0] for k in own]
    states = [row.state for row in rows]
    styles = [words.STYLES.get(state, "") for state in states]
    return [
        Column(head="id", cells=[row.id for row in rows], style="bold"),
        Column(head="state", cells=states, styles=styles, drop=6),
        Column(head="seed", cells=[str(row.seed) for row in rows], right=True, drop=5),
    ]


def _settings(found: Comparison, system: str, own: Sequence[int]) -> list[Column]:
    shown = []
    for n, name in enumerate(found.differing(system)):
        values = [found.entries[k].setting.differing.get(name, MISSING) for k in own]
        cells = ["" if x is MISSING else clip(setting(x), _LONGEST_CELL) for x in values]
        is_number = all(isinstance(x, int | float) and not isinstance(x, bool) for x in values)
        drop = min(n, _LAST)
        shown.append(Column(head=name, cells=cells, right=is_number, drop=drop, least=8))
    return shown


def _seeds(found: Comparison, own: Sequence[int]) -> Iterator[Column]:
    """n, and what is not counted in it: "1 failed"."""
    entries = [found.entries[k] for k in own]
    counts = [str(len(entry.counted)) for entry in entries]
    yield Column(head="n", cells=counts, right=True)
    if any(entry.left_out for entry in entries):
        cells = [", ".join(f"{n} {state}" for state, n in e.left_out.items()) for e in entries]
        yield Column(head="left out", cells=cells, drop=8, style="warn")


def _metric(found: Comparison, name: str, own: Sequence[int], n: int) -> list[Column]:
    """The mean, the best one with a star, and the interval."""
    measured = found.metrics[name]
    means, intervals = _with_intervals(measured, own)
    is_objective = n == 0
    styles = None
    if is_objective and any(found.best):
        means = [
            f"{cell} *" if found.best[k] else f"{cell}  "
            for cell, k in zip(means, own, strict=True)
        ]
        styles = ["good" if found.best[k] else "" for k in own]
    head = f"{name}  " if styles else name
    lacking = [measured.n[k] < len(found.entries[k].counted) for k in own]
    if found.grouped and any(lacking):
        intervals = [
            f"{text} n={measured.n[k]}".strip() if short else text
            for text, short, k in zip(intervals, lacking, own, strict=True)
        ]
    shown = [Column(head=head, cells=means, right=True, styles=styles, drop=0 if n < 1 else 2 * n)]
    if found.grouped and any(intervals):
        shown.append(
            Column(head="95 %", cells=intervals, right=True, drop=7 if n < 1 else SOON + n)
        )
    return shown


def _with_intervals(measured: Measured, own: Sequence[int]) -> tuple[list[str], list[str]]:
    """Means, and "[low, high]", with equally many decimals."""
    n = len(own)
    parts = (measured.mean, measured.low, measured.high)
    cells = column([part[k] for part in parts for k in own])
    low, high = cells[n : 2 * n], cells[2 * n :]
    return cells[:n], [f"[{a}, {b}]" if a else "" for a, b in zip(low, high, strict=True)]


def _tests(found: Comparison, name: str, own: Sequence[int]) -> list[Column]:
    """The difference from the baseline, its interval, p, and the seeds that would be needed."""
    if found.against is None:
        return []
    tests = [found.against.metrics[name][k] for k in own]
    bounds = [
        [getattr(t, part) if t else None for t in tests] for part in ("difference", "low", "high")
    ]
    known = [None if x is None or x != x else x for part in bounds for x in part]
    cells, n = [_signed(cell) for cell in column(known)], len(own)
    differences = [
        "baseline" if k in found.against.baselines else cell
        for k, cell in zip(own, cells[:n], strict=True)
    ]
    intervals = [
        f"[{a}, {b}]" if a else "" for a, b in zip(cells[n : 2 * n], cells[2 * n :], strict=True)
    ]
    return [
        Column(head="difference", cells=differences, right=True),
        Column(head="95 %", cells=intervals, right=True, drop=8),
        Column(head="p", cells=[chance(test) for test in tests], right=True, drop=3),
        Column(head="seeds needed", cells=[_needed(test) for test in tests], right=True, drop=4),
    ]


def _signed(cell: str) -> str:
    return f"+{cell}" if cell and cell[0].isdigit() and float(cell) else cell


def chance(test: Paired | None) -> str:
    """A test's p; empty where there is none."""
    if test is None or test.p is None:
        return ""
    return f"{test.p:.3f}" if test.p >= 0.0005 else "<0.001"


def _needed(test: Paired | None) -> str:
    if test is None or test.needed is None:
        return ""
    return f"{test.needed}" if test.needed < _MANY else f">{_MANY}"


def _costs(found: Comparison, own: Sequence[int]) -> Iterator[Column]:
    for n, (name, means) in enumerate(found.costs.items()):
        values = [means[k] for k in own]
        if all(x is None for x in values):
            continue
        if name == SECONDS:
            cells = ["" if x is None else duration(x) for x in values]
            yield Column(head="took", cells=cells, right=True, drop=SOON, style="dim")
        else:
            yield Column(head=name, cells=column(values), right=True, drop=SOON + n, style="dim")

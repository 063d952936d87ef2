"""Settings side by side: means over their seeds with intervals, and which is best.

Only completed runs enter a mean, the newest one of each seed: a repeated seed is no second sample.
What is left out is counted.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any

from iterun.analysis import settings, values
from iterun.analysis.comparison import Comparison, Entry, Measured, unknown
from iterun.analysis.curves import arms
from iterun.ops import stats
from iterun.store.columns import SECONDS
from iterun.store.schema import COMPLETED, PRUNED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from iterun.analysis.settings import Setting
    from iterun.analysis.values import Source
    from iterun.store.rows import Row

REPEAT = "repeat"  #: a completed run whose seed a newer one has too
Numbers = list[list[list[float | None]]]  #: of each entry, of each of its runs, by name
ALL = "all"  #: of metrics: every one that a run has
_TOKENS = "tokens"


def compare(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] = (),
    at: int | None = None,
    own: Mapping[Path, int] | None = None,
    all_states: bool = False,
    grouped: bool = True,
    all_costs: bool = False,
) -> Comparison:
    """Hold runs against each other.

    Args:
        rows: the runs; the order of the entries is that of their first ones.
        metrics: metrics, results or costs beside the objective; "all": every one.
        at: the iteration whose values are taken; None: the newest.
        own: iterations of single runs, by their directories.
        all_states: unfinished, failed and diverged runs enter the means too.
        grouped: seeds of one setting together; False: every run by itself.
        all_costs: not only seconds, tokens and peak memory.

    Raises:
        ConfigError: no run has a metric asked for.
        StoreError: with `at`, the iterations of a run can't be read.
    """
    if grouped:
        entries = [_entry(setting, all_states=all_states) for setting in settings.group(rows)]
    else:
        entries = [Entry(setting=s, counted=s.rows, left_out={}) for s in _single(rows)]
    objectives = _objectives(entries)
    asked = _asked(rows, metrics)
    names = {system: _names(system, entries, objectives, asked) for system in objectives}
    shown = list(dict.fromkeys(name for system in names.values() for name in system))
    costs = [name for name in _costs(rows, all_costs=all_costs) if name not in shown]
    source: Source = values.newest
    if at is not None or own:
        source = values.AtIteration(at, own or {})
    numbers = [[source(row, [*shown, *costs]) for row in entry.counted] for entry in entries]
    found = Comparison(
        entries=entries, grouped=grouped, at=at, objectives=objectives, names=names,
        metrics={name: _measured(numbers, k) for k, name in enumerate(shown)},
        costs={name: _means(numbers, k) for k, name in enumerate(costs, len(shown))},
        best=[False] * len(entries),
    )  # fmt: skip
    for system, objective in objectives.items():
        _mark_best(found, system, objective, all_states=all_states)
    found.remarks = _remarks(found, all_states=all_states) if grouped else []
    found.remarks += _on_iterations(found, own or {})
    return found


def _single(rows: Sequence[Row]) -> list[Setting]:
    """Every run as a setting by itself, under the label of its own."""
    of_row = {id(row): setting for setting in settings.group(rows) for row in setting.rows}
    return [
        settings.Setting(
            signature=row.signature, system=row.system, rows=[row],
            differing=of_row[id(row)].differing,
        )
        for row in rows
    ]  # fmt: skip


def _entry(setting: Setting, *, all_states: bool) -> Entry:
    """Which runs count: the newest of each seed, one that completed before any other."""
    left_out: Counter[str] = Counter()
    by_seed: dict[int, tuple[bool, float, Row]] = {}
    for row in setting.rows:
        if not (row.is_whole or all_states):
            left_out[PRUNED if row.state == COMPLETED else row.state] += 1
            continue
        rank = (row.is_whole, row.stamp)
        other = by_seed.get(row.seed)
        left_out[REPEAT] += other is not None
        if other is None or rank > other[:2]:
            by_seed[row.seed] = (*rank, row)
    counted = [by_seed[seed][2] for seed in sorted(by_seed)]
    return Entry(setting=setting, counted=counted, left_out=dict(+left_out))


def _objectives(entries: Iterable[Entry]) -> dict[str, Mapping[str, Any]]:
    """The objective of each system; empty where it has none."""
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        for row in entry.setting.rows if not found.get(entry.system) else ():
            found[entry.system] = row.objective or found.get(entry.system) or {}
    return found


def _asked(rows: Sequence[Row], metrics: Sequence[str]) -> list[str]:
    """The metrics asked for, each of which a run has."""
    if ALL in metrics:
        return list(dict.fromkeys(name for row in rows for name in (*row.last, *row.result)))
    for name in metrics:
        if not any(values.has(row, name) for row in rows):
            raise unknown("--metrics", name, rows)
    return list(metrics)


def _names(
    system: str,
    entries: Iterable[Entry],
    objectives: Mapping[str, Mapping[str, Any]],
    asked: Iterable[str],
) -> list[str]:
    """A system's objective, the arms of it, and what was asked for."""
    metric = objectives[system].get("metric")
    if metric is None:
        return list(dict.fromkeys(asked))
    rows = [entry.setting.rows[0] for entry in entries if entry.system == system]
    of_arms = [name for name in arms(rows[0], metric) if any(values.has(r, name) for r in rows)]
    return list(dict.fromkeys([metric, *of_arms, *asked]))


def _costs(rows: Sequence[Row], *, all_costs: bool) -> list[str]:
    names = dict.fromkeys(name for row in rows for name in row.costs)
    kept = [name for name in names if all_costs or name in (_TOKENS, "peak_mem_mb")]
    if _TOKENS not in names and any(_TOKENS in row.last for row in rows):
        kept.insert(0, _TOKENS)
    return [SECONDS, *(name for name in kept if name != SECONDS)]


def _measured(numbers: Numbers, column: int) -> Measured:
    """One column of the numbers: (entries, seeds, names)."""
    found = [[row[column] for row in rows] for rows in numbers]
    flat = [x for part in found for x in part if x is not None]
    group = [k for k, part in enumerate(found) for x in part if x is not None]
    over = stats.mean_intervals(flat, group, len(found))
    sizes = over.n.tolist()
    return Measured(
        values=found, n=sizes,
        mean=[x if n else None for x, n in zip(over.mean.tolist(), sizes, strict=True)],
        low=[None if x != x else x for x in over.low.tolist()],
        high=[None if x != x else x for x in over.high.tolist()],
    )  # fmt: skip


def _means(numbers: Numbers, column: int) -> list[float | None]:
    """Of one column, without intervals."""
    found: list[float | None] = []
    for rows in numbers:
        known = [x for row in rows if (x := row[column]) is not None]
        found.append(sum(known) / len(known) if known else None)
    return found


def _mark_best(
    found: Comparison, system: str, objective: Mapping[str, Any], *, all_states: bool
) -> None:
    """Mark the entries with the best mean of the objective, if there are others to be better than.

    An entry of which some seeds lack the value is not ranked.
    """
    if not objective:
        return
    measured = found.metrics[objective["metric"]]
    ranked = {
        k: x
        for k in found.of(system)
        if (x := measured.mean[k]) is not None
        and isfinite(x)
        and measured.n[k] == len(found.entries[k].counted)
        and (all_states or found.entries[k].counted[0].is_whole)
    }
    if len(ranked) > 1:
        top = (min if objective["goal"] == "min" else max)(ranked.values())
        for k, x in ranked.items():
            found.best[k] = x == top


def _remarks(found: Comparison, *, all_states: bool) -> list[str]:
    """What a reader has to know beside the numbers."""
    left_out = Counter[str]()
    for entry in found.entries:
        left_out.update(entry.left_out)
    repeats = left_out.pop(REPEAT, 0)
    remarks = []
    if left_out:
        how = ", ".join(f"{n} {state}" for state, n in left_out.items())
        remarks.append(f"not in the means: {how}; --all-states counts them")
    elif all_states and any(not r.is_whole for e in found.entries for r in e.counted):
        remarks.append("runs that did not complete are in the means")
    if repeats:
        remarks.append(f"{repeats} of a repeated seed left out: the newest of each counts")
    if uneven := sum(map(is_uneven, found.entries)) if found.at is None else 0:
        remarks.append(
            f"{uneven} with seeds that stop.iterations ended at different iterations: "
            "--at I compares equal ones"
        )
    return remarks


def _on_iterations(found: Comparison, own: Mapping[Path, int]) -> list[str]:
    """What a reader has to know of iterations that were asked for."""
    remarks = []
    if found.at is not None and not any(n for one in found.metrics.values() for n in one.n):
        remarks.append(f"no run that counts has recorded iteration {found.at}")
    if found.at is None and (n_capped := _n_capped(found, own)):
        what = "settings" if found.grouped else "runs"
        remarks.append(
            f"{what} ended at different iterations, {n_capped} of them by stop.iterations: "
            "--at I compares equal ones"
        )
    several = [{own.get(row.path, found.at) for row in one.counted} for one in found.entries]
    if mixed := sum(len(iterations) > 1 for iterations in several):
        remarks.append(f"{mixed} with means over different iterations: RUN@I is of one run alone")
    return remarks


def _n_capped(found: Comparison, own: Mapping[Path, int]) -> int:
    """The entries that stop.iterations ended, in systems whose even entries differ in length."""
    n = 0
    for system in found.systems:
        even = [e for k in found.of(system) if not is_uneven(e := found.entries[k])]
        rows = [row for entry in even for row in entry.counted]
        if len({own.get(row.path, row.iterations) for row in rows}) > 1:
            n += sum(any(map(_is_capped, entry.counted)) for entry in even)
    return n


def _is_capped(row: Row) -> bool:
    return row.reason == "iterations"


def is_uneven(entry: Entry) -> bool:
    """Whether a cap of iterations ended its seeds, and not all at one iteration."""
    lengths = {row.iterations for row in entry.counted}
    return len(lengths) > 1 and any(map(_is_capped, entry.counted))

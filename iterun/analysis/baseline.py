"""Every setting against a chosen one, seed by seed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError
from iterun.ops import stats
from iterun.store import filters
from iterun.store.rows import ALIASES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iterun.analysis.comparison import Comparison, Entry, Measured
    from iterun.ops.stats import Paired as Paired
    from iterun.store.rows import Row


@dataclass(kw_only=True)
class Against:
    """What the tests against a baseline gave."""

    word: str  #: as typed
    of: list[int | None]  #: the entry that each entry is held against; None: itself, or none fits
    #: by metric, for each entry: entry minus baseline; None: nothing to compare
    metrics: dict[str, list[Paired | None]]

    @property
    def baselines(self) -> set[int]:
        """The entries that others are held against."""
        return {k for k in self.of if k is not None}


def by_run(found: Comparison, row: Row, word: str) -> Against:
    """Hold all entries against the one that a run belongs to.

    Raises:
        ConfigError: the run is not among those compared.
    """
    path = os.path.realpath(row.path)
    for k, entry in enumerate(found.entries):
        if any(os.path.realpath(other.path) == path for other in entry.setting.rows):
            return _against(found, word, [None if j == k else k for j in range(len(found.entries))])
    raise ConfigError(
        f"--baseline {word}: run {row.id} is not among those compared",
        hint=f"name it too: iterun compare {row.id} …",
    )


def by_condition(found: Comparison, word: str) -> Against:
    """Hold all entries against those that fit a condition.

    Where several fit, each entry is held against the one that has its other settings: with
    `mode=none`, sparsity=0.6 mode=retrain against sparsity=0.6 mode=none.

    Raises:
        ConfigError: the word is no condition, or no entry fits it.
    """
    condition = filters.parse([word])
    name = condition.conditions[0].name
    fitting = [k for k, e in enumerate(found.entries) if condition(e.setting.rows[0])]
    if not fitting:
        rows = [entry.setting.rows[0] for entry in found.entries]
        condition.check_names(rows)
        known = dict.fromkeys(f"{_typed(name)}={row.get(name)}" for row in rows)
        raise ConfigError(
            f"--baseline {word}: none of the settings compared fits",
            hint=f"there is {', '.join(list(known)[:5])}",
        )
    of = [
        None if k in fitting else _partner(found.entries, entry, fitting, name)
        for k, entry in enumerate(found.entries)
    ]
    return _against(found, word, of)


def _typed(name: str) -> str:
    return next((alias for alias, column in ALIASES.items() if column == name), name)


def _partner(entries: Sequence[Entry], entry: Entry, fitting: list[int], name: str) -> int | None:
    """The baseline of an entry: the only one, or the one with its other settings."""
    if len(fitting) == 1:
        return fitting[0]
    own = entry.setting.differing
    alike = [
        k
        for k in fitting
        if all(
            own[key] == value
            for key, value in entries[k].setting.differing.items()
            if key in own and key != name.removeprefix("task.")
        )
    ]
    same_system = [k for k in alike if entries[k].system == entry.system]
    found = same_system or alike
    if len(found) > 1:  # single runs: the one of its own seed
        found = [k for k in found if entries[k].seeds == entry.seeds]
    return found[0] if len(found) == 1 else None


def _against(found: Comparison, word: str, of: list[int | None]) -> Against:
    metrics = {
        name: _paired(found.entries, measured, of) for name, measured in found.metrics.items()
    }
    return Against(word=word, of=of, metrics=metrics)


def _paired(
    entries: Sequence[Entry], measured: Measured, of: Sequence[int | None]
) -> list[Paired | None]:
    """Over the seeds that both have."""
    own: list[float] = []
    other: list[float] = []
    group: list[int] = []
    seeds = {k: _by_seed(entries, measured, k) for k in {j for j in of if j is not None}}
    for k, base in enumerate(of):
        if base is None:
            continue
        theirs = seeds[base]
        for seed, value in _by_seed(entries, measured, k).items():
            if seed in theirs:
                own.append(value)
                other.append(theirs[seed])
                group.append(k)
    found = stats.paired_groups(own, other, group, len(of))
    return [result if result.n else None for result in found]


def _by_seed(entries: Sequence[Entry], measured: Measured, k: int) -> dict[int, float]:
    pairs: Any = zip(entries[k].counted, measured.values[k], strict=True)
    return {row.seed: value for row, value in pairs if value is not None}


def oldest(rows: Sequence[Row]) -> Row:
    """The run that started first."""
    return min(rows, key=lambda row: row.stamp)

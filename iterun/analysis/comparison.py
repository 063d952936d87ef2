"""A comparison: its lines, the numbers over them, and their order."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from iterun.errors import ConfigError, nearest
from iterun.store.filters import order
from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from iterun.analysis.baseline import Against
    from iterun.analysis.settings import Setting
    from iterun.store.rows import Row


@dataclass(kw_only=True)
class Entry:
    """One line of a comparison: a setting, or a run by itself."""

    setting: Setting
    counted: list[Row]  #: of different seeds; they enter the means
    left_out: dict[str, int]  #: how many runs do not, by state; `repeat` for a seed done again

    @property
    def system(self) -> str:
        """As "prune/perp"; of a program in a language model's place, its block."""
        return self.setting.block

    @property
    def seeds(self) -> list[int]:
        """Of the runs that are counted."""
        return [row.seed for row in self.counted]


@dataclass(kw_only=True)
class Measured:
    """One metric over all entries."""

    values: list[list[float | None]]  #: a list an entry, a value a counted run; None: missing
    mean: list[float | None]  #: None: no run has it
    low: list[float | None]  #: None: not defined, as of a single seed
    high: list[float | None]
    n: list[int]  #: seeds that have it


@dataclass(kw_only=True)
class Comparison:
    """Runs side by side."""

    entries: list[Entry]
    grouped: bool  #: by signature; False: a run an entry
    metrics: dict[str, Measured]
    costs: dict[str, list[float | None]]  #: means of `seconds`, `tokens` and the costs
    objectives: dict[str, Mapping[str, Any]]  #: {metric, goal} by system
    names: dict[str, list[str]]  #: the metrics by system, its objective first, then that's arms
    best: list[bool]  #: by entry
    at: int | None = None
    against: Against | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def systems(self) -> list[str]:
        """In the order of their first entries."""
        return list(self._positions)

    def of(self, system: str) -> list[int]:
        """The positions of a system's entries."""
        return list(self._positions.get(system, ()))

    @cached_property
    def _positions(self) -> dict[str, list[int]]:
        """By system; the entries stay what they are."""
        found: dict[str, list[int]] = {}
        for k, entry in enumerate(self.entries):
            found.setdefault(entry.system, []).append(k)
        return found

    def differing(self, system: str) -> list[str]:
        """Model, data and parameters in which a system's settings differ."""
        found = (self.entries[k].setting.differing for k in self.of(system))
        return list(dict.fromkeys(name for one in found for name in one))

    def ranked(self) -> list[int]:
        """The positions, the best of each system first; without an objective as they came."""
        positions: list[int] = []
        for system in self.systems:
            own, objective = self.of(system), self.objectives.get(system)
            if objective:
                means = [self.metrics[objective["metric"]].mean[k] for k in own]
                own = [own[k] for k in order(means, descending=objective["goal"] != "min")]
            positions += own
        return positions

    def sort(self, key: str, *, reverse: bool = False) -> list[int]:
        """The positions in the order of a metric, cost, parameter, `n` or column.

        The best first for an objective, the largest first for anything else.

        Raises:
            ConfigError: there is no such key.
        """
        found = self._keys(key)
        goals = {o.get("goal") for o in self.objectives.values() if o.get("metric") == key}
        positions = order(found, descending=goals != {"min"})
        return positions[::-1] if reverse else positions

    def _keys(self, key: str) -> list[Any]:
        if key in self.metrics:
            return list(self.metrics[key].mean)
        if key in self.costs:
            return list(self.costs[key])
        if key == "n":
            return [len(entry.counted) for entry in self.entries]
        found = [entry.setting.rows[0].get(key) for entry in self.entries]
        if self.entries and all(x is MISSING for x in found):
            raise unknown("--sort", key, (e.setting.rows[0] for e in self.entries))
        return [None if x is MISSING else x for x in found]


def unknown(option: str, name: str, rows: Iterable[Row]) -> ConfigError:
    """The error for a name that no run has."""
    close = nearest(name, sorted(set[str]().union(*(row.names() for row in rows))))
    return ConfigError(
        f"{option} {name}: no run has a metric, result, cost or parameter of that name",
        hint=f"did you mean {' or '.join(close)}?" if close else "`iterun show RUN` lists them",
    )

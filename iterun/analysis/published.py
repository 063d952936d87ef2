"""Published figures beside measured ones: which there are, and what keeps them apart.

The figures stand in `papers/<family>.yaml`. Only those that someone has compared with their source
are shown, and never among measured ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.store.rows import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iterun.analysis.comparison import Comparison, Entry

_FOLDER = Path(__file__).parent / "papers"
_NO_CONDITIONS = frozenset({"metric", "value", "low", "high", "source", "verified"})
_ARM = "arm"


@dataclass(kw_only=True)
class Figure:
    """One number out of a paper."""

    system: str
    metric: str
    value: float | None  #: None: a range, from `low` to `high`
    low: float | None
    high: float | None
    of: dict[str, Any]  #: what it was measured of: model, data, arm, sparsity, …
    source: str
    differs: dict[str, Any]  #: what the nearest setting measured has instead; None: nothing
    nearest: int | None = None  #: the entry that it is nearest to

    @property
    def is_comparable(self) -> bool:
        """Whether a measured setting has all that the figure was measured of."""
        return self.nearest is not None and not self.differs


def figures(found: Comparison, systems: Iterable[str]) -> list[Figure]:
    """The verified figures of these systems, comparable ones first, then the nearest.

    Args:
        found: what they are held against.
        systems: as "prune/perp".
    """
    shown = []
    for system in systems:
        entries = [(k, found.entries[k]) for k in found.of(system)]
        paper = entries[0][1].setting.system if entries else system
        shown += [_figure(system, raw, entries) for raw in _read(paper)]
    return sorted(shown, key=lambda figure: len(figure.differs))


def _read(system: str) -> list[dict[str, Any]]:
    """The verified figures with a value."""
    import yaml

    path = _FOLDER / f"{system.partition('/')[0]}.yaml"
    if not path.is_file() or path.parent != _FOLDER:
        return []
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    paper = read.get(system) or {}
    return [
        figure
        for figure in paper.get("figures") or []
        if figure.get("verified") is True
        and any(figure.get(key) is not None for key in ("value", "low", "high"))
    ]


def _figure(system: str, raw: dict[str, Any], entries: Sequence[tuple[int, Entry]]) -> Figure:
    of = {key: value for key, value in raw.items() if key not in _NO_CONDITIONS}
    against = [(k, _differences(raw["metric"], of, entry)) for k, entry in entries]
    nearest, differs = min(against, key=lambda pair: len(pair[1]), default=(None, {}))
    return Figure(
        system=system, metric=str(raw["metric"]), value=raw.get("value"), low=raw.get("low"),
        high=raw.get("high"), of=of, source=str(raw.get("source", "")), differs=differs,
        nearest=nearest,
    )  # fmt: skip


def _differences(metric: str, of: dict[str, Any], entry: Entry) -> dict[str, Any]:
    """What a setting has instead of what a figure is of."""
    row = entry.setting.rows[0]
    differs: dict[str, Any] = {}
    for key, value in of.items():
        if key == _ARM:
            if not _has_arm(metric, str(value), row.parameters):
                differs[key] = None
        elif (own := row.get(key)) != value:
            differs[key] = None if own is MISSING else own
    return differs


def _has_arm(metric: str, arm: str, parameters: dict[str, Any]) -> bool:
    """Whether a setting's metric is of this arm: its name says so, or a parameter does."""
    return metric.endswith(f"_{arm}") or arm in parameters.values()

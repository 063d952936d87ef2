"""A comparison for other programs: flat columns at full precision, a DataFrame, or JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iterun.ops import stats
from iterun.store.columns import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pandas import DataFrame

    from iterun.analysis.comparison import Comparison, Entry
    from iterun.analysis.published import Figure

_BARE = ("tokens", SECONDS)
_COLUMNS = frozenset({"model", "data", "seed"})  #: with the parameters, and beside them


def columns(found: Comparison) -> dict[str, list[Any]]:
    """A list a column, a value an entry; None where there is none.

    `NAME` is a mean, `NAME.low` and `NAME.high` its interval, `NAME.n` its number of seeds,
    `NAME.difference` and what follows it the test against the baseline.
    """
    table: dict[str, list[Any]] = {"system": [entry.system for entry in found.entries]}
    table |= _who(found)
    for name, measured in found.metrics.items():
        table[name] = measured.mean
        if found.grouped:
            table |= {
                f"{name}.low": measured.low,
                f"{name}.high": measured.high,
                f"{name}.n": measured.n,
            }
        table |= _tests(found, name)
    if any(found.best):
        table["best"] = list(found.best)
    for name, means in found.costs.items():
        table[name if name in _BARE else f"cost.{name}"] = means
    return table


def _who(found: Comparison) -> dict[str, list[Any]]:
    """What the entries are: names, settings, runs."""
    firsts = [entry.setting.rows[0] for entry in found.entries]
    table: dict[str, list[Any]] = {}
    if not found.grouped:
        table |= {
            "id": [row.id for row in firsts],
            "seed": [row.seed for row in firsts],
            "state": [row.state for row in firsts],
        }
    table["signature"] = [row.signature for row in firsts]
    table |= {"model": [row.model for row in firsts], "data": [row.data for row in firsts]}
    parameters = {name for row in firsts for name in row.parameters}
    for name in dict.fromkeys(n for system in found.systems for n in found.differing(system)):
        if name not in table:
            values = (entry.setting.differing.get(name) for entry in found.entries)
            table[f"task.{name}" if name in parameters else name] = list(values)
    if found.grouped:
        table |= {
            "n": [len(entry.counted) for entry in found.entries],
            "seeds": [entry.seeds for entry in found.entries],
            "runs": [[row.id for row in entry.counted] for entry in found.entries],
            "left_out": [sum(entry.left_out.values()) for entry in found.entries],
        }
    else:
        table["path"] = [str(row.path) for row in firsts]
    return table


def _tests(found: Comparison, name: str) -> dict[str, list[Any]]:
    if found.against is None:
        return {}
    tests = found.against.metrics[name]
    parts: dict[str, Callable[[stats.Paired], Any]] = {
        "difference": lambda test: test.difference,
        "difference.low": lambda test: _defined(test.low),
        "difference.high": lambda test: _defined(test.high),
        "p": lambda test: test.p,
        "pairs": lambda test: test.n,
        "needed": lambda test: test.needed,
    }
    return {
        f"{name}.{part}": [None if test is None else take(test) for test in tests]
        for part, take in parts.items()
    }


def _defined(bound: float) -> float | None:
    return None if bound != bound else bound


def frame(found: Comparison) -> DataFrame:
    """The columns as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(columns(found))


def to_json(found: Comparison, figures: Sequence[Figure] = ()) -> dict[str, Any]:
    """Everything, each seed's value too."""
    return {
        "interval": {"kind": "bootstrap", "level": stats.LEVEL, "resamples": stats.RESAMPLES},
        "at": found.at,
        "objectives": {system: o or None for system, o in found.objectives.items()},
        "baseline": found.against.word if found.against else None,
        "entries": [_entry(found, k) for k in range(len(found.entries))],
        "published": list(map(_published, figures)),
        "remarks": found.remarks,
    }


def _entry(found: Comparison, k: int) -> dict[str, Any]:
    entry = found.entries[k]
    setting, first = entry.setting, entry.setting.rows[0]
    return {
        "system": entry.system, "signature": setting.signature, "label": setting.label,
        "model": first.model, "data": first.data, "differing": setting.differing,
        "parameters": {n: x for n, x in setting.parameters.items() if n not in _COLUMNS},
        "n": len(entry.counted), "left_out": entry.left_out, "best": found.best[k],
        "runs": [
            {"id": row.id, "seed": row.seed, "state": row.state, "path": str(row.path)}
            for row in setting.rows
        ],
        "metrics": dict(_metrics(found, entry, k)),
        "costs": {name: means[k] for name, means in found.costs.items()},
    }  # fmt: skip


def _metrics(found: Comparison, entry: Entry, k: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, measured in found.metrics.items():
        values = zip(entry.counted, measured.values[k], strict=True)
        one: dict[str, Any] = {
            "mean": measured.mean[k], "low": measured.low[k], "high": measured.high[k],
            "n": measured.n[k],
            "values": {str(row.seed): value for row, value in values if value is not None},
        }  # fmt: skip
        if found.against is not None:
            test, base = found.against.metrics[name][k], found.against.of[k]
            one["against"] = None if test is None or base is None else _test(found, base, test)
        yield name, one


def _test(found: Comparison, base: int, test: stats.Paired) -> dict[str, Any]:
    return {
        "signature": found.entries[base].setting.signature,
        "label": found.entries[base].setting.label,
        **test._asdict(), "low": _defined(test.low), "high": _defined(test.high),
    }  # fmt: skip


def _published(figure: Figure) -> dict[str, Any]:
    return {
        "system": figure.system, "metric": figure.metric, "value": figure.value,
        "low": figure.low, "high": figure.high, "of": figure.of, "source": figure.source,
        "comparable": figure.is_comparable, "differs": figure.differs,
    }  # fmt: skip

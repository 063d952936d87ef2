"""What a run of rounds leaves behind: answers, pairs, the curve with its control."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from iterun.ops.pictures import quality_curve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from iterun.models.rlhf_answers import Answer

CURVES = {"accuracy_greedy": "greedy accuracy", "win_rate_vs_base": "win rate against the base"}


def samples(groups: Sequence[Sequence[Answer]]) -> str:
    """All answers of a round, a JSON object a line."""
    return _lines([it.row() for group in groups for it in group])


def pair_rows(pairs: Sequence[tuple[Answer, Answer]]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": better.problem.prompt,
            "chosen": better.text,
            "rejected": worse.text,
            "reward_chosen": better.reward,
            "reward_rejected": worse.reward,
        }
        for better, worse in pairs
    ]


def pairs_suffix() -> str:
    """Parquet where the package for it is here, else JSON lines."""
    return "parquet" if find_spec("pyarrow") else "jsonl"


def write_pairs(path: Path, pairs: Sequence[tuple[Answer, Answer]]) -> None:
    """A table of pairs, in the form of `pairs_suffix`."""
    rows = pair_rows(pairs)
    if pairs_suffix() == "jsonl":
        path.write_text(_lines(rows), encoding="utf-8")
        return
    import pyarrow as pa
    from pyarrow import parquet

    words = {name: pa.string() for name in ("prompt", "chosen", "rejected")}
    numbers = {name: pa.float64() for name in ("reward_chosen", "reward_rejected")}
    parquet.write_table(pa.Table.from_pylist(rows, schema=pa.schema(words | numbers)), path)


def curve(history: Sequence[Mapping[str, float]], loop: str) -> Figure:
    """Accuracy by round, or the win rate where there is none, of the loop and its control.

    Args:
        history: the metrics of rounds 0, 1, ...
        loop: what the loop is called.
    """
    name = _curve_of(history[0])
    series = {
        label: [(i, it[key]) for i, it in enumerate(history) if key in it]
        for key, label in ((name, loop), (f"{name}_replay", "replay control, equal steps"))
    }
    series = {label: points for label, points in series.items() if points}
    levels = {"base": history[0][name]}
    figure = quality_curve(series, x="round", y=CURVES[name], levels=levels)
    figure.axes[0].set_ylim(0, 1)
    return figure


def result(history: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The run's summary: the last round, what it gained, and how much of that the control did too.

    `effect` is the loop's last greedy accuracy less the control's.
    """
    first, last = history[0], history[-1]
    names = ("accuracy_greedy", "accuracy_sampled", "win_rate_vs_base", "kl_to_base")
    found: dict[str, Any] = {name: last[name] for name in names if name in last}
    if "accuracy_greedy" in last:
        found["accuracy_greedy_base"] = first["accuracy_greedy"]
    if "accuracy_greedy_replay" in last:
        found["accuracy_greedy_replay"] = last["accuracy_greedy_replay"]
        found["effect"] = last["accuracy_greedy"] - last["accuracy_greedy_replay"]
    if "rm_accuracy" in first:
        found["rm_accuracy"] = first["rm_accuracy"]
    found["best_round"] = max(range(len(history)), key=lambda i: history[i][_curve_of(first)])
    return found


def _curve_of(metrics: Mapping[str, float]) -> str:
    return next(name for name in CURVES if name in metrics)


def _lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

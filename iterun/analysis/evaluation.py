"""What chosen settings are worth on fresh seeds, beside what they were chosen by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.ops.stats import Interval, Paired, mean_interval, paired

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.analysis.selection import Scored

__all__ = ["BASELINE", "CHOSEN", "Evaluated", "Interval", "Line", "Paired", "table"]

CHOSEN, BASELINE = "chosen", "baseline"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One setting in the final table."""

    label: str
    role: str  #: chosen, baseline
    goal: str  #: min or max
    tuning: Interval | None  #: of the seeds it was chosen on; None: it had none of them
    evaluation: Interval  #: of fresh seeds; n is 0 where none is done
    values: Mapping[int, float]  #: of the evaluation, by seed
    against: Paired | None = None  #: evaluation minus the baseline's, seed by seed

    @property
    def drop(self) -> float | None:
        """How much worse the evaluation is than what it was chosen on: luck, or other data."""
        if self.tuning is None or not self.evaluation.n:
            return None
        gain = self.evaluation.mean - self.tuning.mean
        return gain if self.goal == "min" else -gain

    def to_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "setting": self.label,
            "role": self.role,
            "tuning": self.tuning._asdict() if self.tuning else None,
            "evaluation": self.evaluation._asdict(),
            "drop": self.drop,
            "values": {str(seed): value for seed, value in self.values.items()},
            "against_baseline": self.against._asdict() if self.against else None,
        }


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A setting with what it measured on fresh seeds."""

    label: str
    role: str  #: chosen or baseline
    tuned: Scored | None  #: None: it was not among those to choose from
    values: Mapping[int, float]  #: by fresh seed; empty: none is done


def table(evaluated: Sequence[Evaluated], goal: str) -> list[Line]:
    """The final table: tuning and evaluation of each, and the test against the baseline.

    Args:
        evaluated: the settings, in their order.
        goal: of the metric, min or max.
    """
    base = next((one.values for one in evaluated if one.role == BASELINE), None)
    return [
        Line(
            label=one.label,
            role=one.role,
            goal=goal,
            tuning=one.tuned.interval() if one.tuned else None,
            evaluation=mean_interval(list(one.values.values())),
            values=one.values,
            against=_against(one.values, base) if base and one.role != BASELINE else None,
        )
        for one in evaluated
    ]


def _against(values: Mapping[int, float], base: Mapping[int, float]) -> Paired | None:
    seeds = [seed for seed in values if seed in base]
    if not seeds:
        return None
    return paired([values[seed] for seed in seeds], [base[seed] for seed in seeds])

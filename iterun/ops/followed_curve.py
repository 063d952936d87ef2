"""One learning curve while it is observed: what is known of it at each level, and in the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from iterun.ops.learning_curve import (
    FEWEST,
    Level,
    PowerLaw,
    extended,
    prediction_level,
    working_level,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOP = 1.0  # of accuracies


@dataclass(kw_only=True)
class FollowedCurve:
    """Accuracies by size, (levels,), and the trends of the first n of them."""

    x: Sequence[float]  #: sizes of all levels, also of those to come
    nu: float
    lookahead: int
    tau: float
    anchor: bool
    by_fold: list[list[float]] = field(default_factory=list)  #: observations, by level
    levels: list[Level] = field(default_factory=list)
    pe: list[float] = field(default_factory=list)  #: %, of each level's forecast by the one before
    refused: str | None = None  #: why the last observations have no trend

    def observe(self, values: Sequence[float]) -> None:
        """One more level: an accuracy a fold, whose mean is what is fitted."""
        self.by_fold.append([float(value) for value in values])
        n, y = len(self.by_fold), self.y
        if self.levels and y[-1] > 0:
            foretold = self.levels[-1].law.at(self.x[n - 1])
            self.pe.append(100 * (foretold - y[-1]) / y[-1])
        self.refused = None
        if n < FEWEST:
            return
        try:
            self.levels.append(extended(self.levels, self.x[:n], y, limit=TOP, anchor=self.anchor))
        except ValueError as error:
            self.refused = str(error)

    @property
    def y(self) -> list[float]:
        """The observations, each the mean of its folds."""
        return [float(np.mean(values)) for values in self.by_fold]

    @property
    def is_whole(self) -> bool:
        """Whether the last level has been observed."""
        return len(self.by_fold) == len(self.x)

    @property
    def prediction_level(self) -> int | None:
        """Observations from which on forecasts are not provisional."""
        return prediction_level(self.levels, self.nu, self.lookahead, TOP)

    @property
    def convergence_level(self) -> int | None:
        """Observations of the first level from there on whose layer is tau or less."""
        first = self.prediction_level
        return next((level.n for level in self.levels if self._is_converged(level, first)), None)

    def trend(self, n: int) -> PowerLaw | None:
        """The law of the first n observations, if it could be fitted."""
        return next((level.law for level in self.levels if level.n == n), None)

    def forecast(self, n: int) -> float | None:
        """The accuracy at the last size, as the first n observations foretell it."""
        law = self.trend(n)
        return None if law is None else law.at(self.x[-1])

    def metrics(self, target: float | None) -> dict[str, float]:
        """Of the last level; what is not known yet is left out.

        Args:
            target: an accuracy whose size is asked for.
        """
        values = self.by_fold[-1]
        found = {"accuracy": self.y[-1]}
        if len(values) > 1:
            found["accuracy_std"] = float(np.std(values, ddof=1))
        if self.pe:
            found |= {"pe": self.pe[-1], "mape": float(np.mean(np.abs(self.pe)))}
        if self.refused is None and self.levels:
            found |= self._of_trend(self.levels[-1], target)
        return found

    def _is_converged(self, level: Level, first: int | None) -> bool:
        # Before the prediction level two chance trends may cross far out, in a thin layer.
        is_thin = level.layer is not None and level.layer <= self.tau
        return is_thin and first is not None and level.n >= first

    def _of_trend(self, level: Level, target: float | None) -> dict[str, float]:
        law, first = level.law, self.prediction_level
        found = {"a": law.a, "b": law.b, "c": law.c, "forecast_full": law.at(self.x[-1])}
        if level.layer is not None:
            found["layer"] = level.layer
            found["converged"] = float(self._is_converged(level, first))
        rest = {
            "working_level": working_level(self.levels, self.nu, self.lookahead),
            "prediction_level": first,
            "words_needed": None if target is None else law.reaches(target),
        }
        return found | {name: value for name, value in rest.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was foretold of a learner, and what became of it; None where it isn't known."""

    rank: int  #: by forecast, from 1
    learner: str
    levels: int  #: observations that the forecast is made from
    forecast: float
    final: float | None
    final_rank: int | None
    error: float | None  #: forecast - final
    forecast_third: float | None  #: from a third of the levels
    error_third: float | None


def decisions(curves: Mapping[str, FollowedCurve]) -> list[Decision]:
    """Learners by their forecast: from half of the levels, or what there is of a run cut short.

    Args:
        curves: by learner.
    """
    rows = []
    for name, curve in curves.items():
        n = half(len(curve.x)) if curve.is_whole else len(curve.by_fold)
        if (forecast := curve.forecast(n)) is not None:
            final = curve.y[-1] if curve.is_whole else None
            early = curve.forecast(third(len(curve.x))) if curve.is_whole else None
            rows.append((name, n, forecast, final, early))
    rows.sort(key=lambda row: -row[2])
    finals = sorted((row[3] for row in rows if row[3] is not None), reverse=True)
    return [
        Decision(
            rank=rank,
            learner=name,
            levels=n,
            forecast=forecast,
            final=final,
            final_rank=None if final is None else finals.index(final) + 1,
            error=None if final is None else forecast - final,
            forecast_third=early,
            error_third=None if final is None or early is None else early - final,
        )
        for rank, (name, n, forecast, final, early) in enumerate(rows, start=1)
    ]


def ordered_pairs(rows: Sequence[Decision], apart: float = 0.01) -> tuple[int, int]:
    """Pairs that the forecast puts in their final order, of those that differ by more than `apart`.

    Args:
        rows: with finals.
        apart: of two final accuracies.
    """
    known = [(row.forecast, row.final) for row in rows if row.final is not None]
    pairs = [
        (a[0] - b[0], a[1] - b[1]) for a, b in combinations(known, 2) if abs(a[1] - b[1]) > apart
    ]
    return sum(foretold * found > 0 for foretold, found in pairs), len(pairs)


def half(n: int) -> int:
    """Levels of the forecast at half the corpus; a law takes three."""
    return max(FEWEST, n // 2)


def third(n: int) -> int:
    """Levels of the forecast at a third of it."""
    return max(FEWEST, n // 3)

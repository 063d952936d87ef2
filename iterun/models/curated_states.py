"""Curation of a distribution over a few states, without sampling: every figure is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iterun.models.curated import Generation
from iterun.ops.curation import curate_next, entropy, kl, moments
from iterun.ops.curation_figures import shares_by_round

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from iterun.models.curated import Arm

    Array = NDArray[np.float64]


@dataclass(kw_only=True)
class CuratedStates:
    """p_t over n states; the data are p_0 too."""

    rewards: Array  #: (n,), nats
    data: Array  #: (n,), of sum 1

    def begin(self, arm: Arm) -> Generation:
        return self._generation(self.data)

    def retrain(self, before: Mapping[str, Any], arm: Arm, i: int) -> Generation:
        lam = math.inf if arm.real_share == 0 else (1 - arm.real_share) / arm.real_share
        return self._generation(curate_next(before["p"], self.rewards, arm.K, lam, self.data))

    def pictures(self, shown: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
        names = [f"r = {reward:g}" for reward in self.rewards]
        series = {label: np.stack(rows) for label, rows in shown.items()}
        return {"generations.png": shares_by_round(series, names)}

    def _generation(self, p: Array) -> Generation:
        metrics = moments(self.rewards, p)
        metrics |= {"class_entropy": entropy(p), "kl_to_data": kl(p, self.data)}
        return Generation(state={"p": p}, metrics=metrics, shown=p)

"""Curation of a mixture of Gaussians in the plane, fitted anew to samples in every round.

The data are eight round Gaussians on a circle. Their distance to one of them is the reward:

    r(x) = -γ max(0, |x - μ| - slack)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from iterun.models.curated import Generation
from iterun.ops.curation import choose, entropy, moments
from iterun.ops.curation_figures import points_by_round
from iterun.ops.mixtures import Mixture, fitted, ring

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from iterun.models.curated import Arm, Host

    Array = NDArray[np.float64]

MODES = 8
RADIUS, STD = 2.0, 0.2
SLACK = 0.4  # two standard deviations: samples of the favored mode itself are all alike
SHOWN = 400  # points of a panel


@dataclass(kw_only=True)
class CuratedGaussians:
    """p_t is a mixture of eight components, by maximum likelihood from p_{t-1} on."""

    run: Host
    gamma: float  #: scale of the reward (γ), nats for a unit of distance
    target: int  #: the favored mode, from 0; mode 0 is on the right
    kept: int  #: samples that are kept, or real, in a round's training set

    def __post_init__(self) -> None:
        self.data = ring(MODES, RADIUS, STD)

    def begin(self, arm: Arm) -> Generation:
        points = self.data.sample(self.kept, self.run.numpy("data", 0))
        return self._generation(fitted(points, self.data), arm, 0)

    def retrain(self, before: Mapping[str, Any], arm: Arm, i: int) -> Generation:
        n_real = round(arm.real_share * self.kept)
        real = self.data.sample(n_real, self.run.numpy("data", i))
        points = np.concatenate([before["kept"][: self.kept - n_real], real])
        last = Mixture(**{key: before[key] for key in ("weights", "means", "covariances")})
        return self._generation(fitted(points, last), arm, i)

    def pictures(self, shown: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
        return {"generations.png": points_by_round(shown, self.data.means, self.target)}

    def _generation(self, p: Mixture, arm: Arm, i: int) -> Generation:
        K = round(arm.K)
        x = p.sample(self.kept * K, self.run.numpy("samples", i))
        r = self.reward(x)
        chosen = choose(r.reshape(self.kept, K), self.run.numpy("choices", i))
        kept = x.reshape(self.kept, K, 2)[np.arange(self.kept), chosen]
        modes = np.bincount(self.data.nearest(x), minlength=MODES)
        metrics = moments(r) | {
            "class_entropy": entropy(modes),
            "target_share": float(modes[self.target] / len(x)),
            "kl_to_data": float((p.log_density(x) - self.data.log_density(x)).mean()),
            "variance": float(x.var(axis=0).sum()),
        }
        return Generation(state={**vars(p), "kept": kept}, metrics=metrics, shown=x[:SHOWN])

    def reward(self, x: Array) -> Array:
        """(n,) of points (n, 2), nats, none above 0."""
        off = np.linalg.norm(x - self.data.means[self.target], axis=1)
        return np.asarray(-self.gamma * np.maximum(0, off - SLACK))

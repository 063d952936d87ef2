"""Mixtures of Gaussians: densities, samples, and fits of the greatest likelihood."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

EM_STEPS = 200
LEAST_VARIANCE = 1e-4  # of a component in any direction


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """k components in d dimensions."""

    weights: Array  #: (k,), of sum 1
    means: Array  #: (k, d)
    covariances: Array  #: (k, d, d)

    def sample(self, n: int, draw: np.random.Generator) -> Array:
        """(n, d)."""
        component = draw.choice(len(self.weights), size=n, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)[component]  # (n, d, d)
        normal = draw.normal(size=(n, self.means.shape[1]))
        return np.asarray(self.means[component] + np.einsum("nij,nj->ni", roots, normal))

    def log_density(self, x: Array) -> Array:
        """(n,) of points (n, d), nats."""
        from scipy.special import logsumexp

        off = x[:, None] - self.means  # (n, k, d)
        inverse = np.linalg.inv(self.covariances)
        distance = np.einsum("nki,kij,nkj->nk", off, inverse, off)
        _, log_det = np.linalg.slogdet(self.covariances)
        constant = x.shape[1] * math.log(2 * math.pi)
        with np.errstate(divide="ignore"):  # a component that has died out
            log_weights = np.log(self.weights)
        parts = log_weights - (distance + log_det + constant) / 2
        return np.asarray(logsumexp(parts, axis=1))

    def nearest(self, x: Array) -> NDArray[np.intp]:
        """The component whose mean is nearest to each point, (n,)."""
        return np.asarray(((x[:, None] - self.means) ** 2).sum(axis=2).argmin(axis=1))


def ring(n: int, radius: float, std: float) -> Mixture:
    """Equal round components on a circle in the plane, the first at angle 0."""
    angles = 2 * np.pi * np.arange(n) / n
    return Mixture(
        weights=np.full(n, 1 / n),
        means=radius * np.stack([np.cos(angles), np.sin(angles)], axis=1),
        covariances=np.tile(std**2 * np.eye(2), (n, 1, 1)),
    )


def fitted(x: Array, start: Mixture) -> Mixture:
    """As many components fitted to points (n, d) by expectation maximization from `start` on."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(
        len(start.weights),
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
        reg_covar=LEAST_VARIANCE,
        max_iter=EM_STEPS,
        random_state=0,  # nothing is drawn: all of the beginning is given
    )
    with warnings.catch_warnings():  # slow last digits of a component that dies out do no harm
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(x)
    weights = model.weights_ / model.weights_.sum()
    return Mixture(weights=weights, means=model.means_, covariances=model.covariances_)

"""Mixtures of Gaussians: density, draws and fits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from iterun.ops.mixtures import Mixture, fitted, ring

TILTED = Mixture(
    weights=np.array([0.7, 0.3]),
    means=np.array([[0.0, 0.0], [3.0, 1.0]]),
    covariances=np.array([[[1.0, 0.6], [0.6, 1.0]], [[0.2, 0.0], [0.0, 0.5]]]),
)


def test_the_density_is_the_weighted_sum_of_scipys():
    x = np.random.default_rng(0).normal(size=(20, 2))

    wanted = sum(
        w * multivariate_normal(m, c).pdf(x)
        for w, m, c in zip(TILTED.weights, TILTED.means, TILTED.covariances, strict=True)
    )

    assert TILTED.log_density(x) == pytest.approx(np.log(wanted))


def test_a_component_that_has_died_out_adds_nothing():
    dead = Mixture(weights=np.array([1.0, 0.0]), means=TILTED.means, covariances=TILTED.covariances)

    found = dead.log_density(np.zeros((1, 2)))

    assert found == pytest.approx(multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]]).logpdf([0, 0]))


def test_draws_have_the_moments_of_the_mixture():
    """Mean 0.3 · (3, 1); covariance 0.7 C + 0.3 C' + 0.21 m mᵀ with m = (3, 1)."""
    x = TILTED.sample(40_000, np.random.default_rng(0))

    assert x.mean(axis=0) == pytest.approx([0.9, 0.3], abs=0.03)
    assert np.cov(x.T) == pytest.approx(np.array([[2.65, 1.05], [1.05, 1.06]]), abs=0.05)


def test_a_fit_finds_the_mixture_that_points_were_drawn_of():
    x = TILTED.sample(20_000, np.random.default_rng(0))
    start = Mixture(
        weights=np.array([0.5, 0.5]),
        means=TILTED.means + 0.3,
        covariances=np.stack([np.eye(2)] * 2),
    )

    found = fitted(x, start)

    assert found.weights == pytest.approx(TILTED.weights, abs=0.02)
    assert found.means == pytest.approx(TILTED.means, abs=0.06)
    assert found.covariances == pytest.approx(TILTED.covariances, abs=0.06)
    assert found.log_density(x).mean() >= TILTED.log_density(x).mean()


def test_modes_without_points_do_no_harm_and_stay_empty():
    start = ring(8, 2.0, 0.2)
    x = np.random.default_rng(0).normal([2.0, 0.0], 0.2, size=(500, 2))

    found = fitted(x, start)

    assert found.weights.sum() == pytest.approx(1)
    assert np.isfinite(found.log_density(x)).all()
    assert set(start.nearest(found.sample(200, np.random.default_rng(1)))) == {0}


def test_a_ring_has_its_modes_evenly_around():
    found = ring(4, 2.0, 0.5)

    assert found.means == pytest.approx(np.array([[2, 0], [0, 2], [-2, 0], [0, -2]]), abs=1e-15)
    assert found.covariances[3] == pytest.approx(0.25 * np.eye(2))
    assert found.nearest(np.array([[0.1, 5.0]])).tolist() == [1]

"""Discrete ordinates in a slab: balance, the known limits, and what the correction is worth."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.ops.transport import DIFFUSION, Slab


def iterated(slab, cells, *, accelerate, tol=1e-6, most=2000):
    """The flux at convergence, sweeps taken, last ratio of two changes."""
    phi, error, rho = np.zeros(cells), None, None
    for i in range(1, most + 1):
        before, phi = phi, slab.iterate(phi, accelerate=accelerate)
        last, error = error, np.abs(phi - before).max() / np.abs(phi).max()
        rho = error / last if last else None
        if error < tol:
            return phi, i, rho
    return phi, most, rho


def test_a_thick_slab_is_an_infinite_medium_in_its_middle():
    """There φ = q / Σa."""
    phi, _, _ = iterated(Slab(0.5, 60, 60, 8), 60, accelerate=False, tol=1e-12)

    assert phi[30] == pytest.approx(1 / (1 - 0.5), rel=1e-9)
    assert np.allclose(phi, phi[::-1])


@pytest.mark.parametrize("accelerate", [True, False])
def test_what_is_born_is_absorbed_or_leaks(accelerate):
    slab = Slab(0.9, 20, 60, 8)

    phi, _, _ = iterated(slab, 60, accelerate=accelerate, tol=1e-11)

    absorbed = (1 - 0.9) * phi.sum() * slab.h
    assert absorbed + slab.sweep(phi)[1] == pytest.approx(20, rel=1e-8)


def test_plain_iteration_takes_hundreds_of_sweeps_and_the_corrected_one_few():
    plain, many, slow = iterated(Slab(0.99, 20, 60, 8), 60, accelerate=False)
    quick, few, fast = iterated(Slab(0.99, 20, 60, 8), 60, accelerate=True)

    assert (many, few) == (573, 8)
    assert slow == pytest.approx(0.983, abs=1e-3)
    assert fast < 0.2247
    assert np.abs(plain - quick).max() / plain.max() < 1e-3


@pytest.mark.parametrize("c", [0.9, 0.99, 0.999])
def test_the_correction_holds_however_much_is_scattered(c):
    _, sweeps, _ = iterated(Slab(c, 20, 60, 8), 60, accelerate=True)

    assert sweeps <= 12


def centered(slab, residual):
    """The same correction by diffusion on cell centers: the control."""
    n, h, c = len(residual), slab.h, slab.c
    matrix = np.diag(np.full(n, 2 * DIFFUSION / h + (1 - c) * h))
    matrix += np.diag(np.full(n - 1, -DIFFUSION / h), 1) + np.diag(
        np.full(n - 1, -DIFFUSION / h), -1
    )
    return np.linalg.solve(matrix, h * residual)


def test_only_the_consistent_correction_is_stable_in_thick_cells():
    """Cells of 10 mean free paths: on centers the correction grows errors, on edges not."""
    slab, cells = Slab(0.999, 400, 40, 8), 40
    growth = {}
    for name, correct in (("edges", slab.correction), ("centers", lambda r: centered(slab, r))):
        error = np.random.default_rng(0).standard_normal(cells)
        source = slab.sweep(np.zeros(cells))[0]  # the part that has no error
        for _ in range(12):
            swept = slab.sweep(error)[0] - source
            new = swept + correct(slab.c * (swept - error))
            growth[name], error = np.abs(new).max() / np.abs(error).max(), new

    assert growth["edges"] < 0.2247  # the published bound of the rate
    assert growth["centers"] > 1

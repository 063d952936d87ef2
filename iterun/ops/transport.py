"""Neutral particles in a slab: discrete ordinates, and diffusion that accelerates them.

One energy group, isotropic scattering, vacuum outside; lengths in mean free paths (Σt = 1, Σs = c,
Σa = 1 - c), a source of 1 everywhere; h is a cell's width, μ_m and w_m are Gauss-Legendre's.

    μ (ψ_{i+1/2} - ψ_{i-1/2}) / h + ψ_i = (c φ_i + 1) / 2;  ψ_i = (ψ_{i+1/2} + ψ_{i-1/2}) / 2
    φ_i = Σ_m w_m ψ_{i,m}                                        (sweep, diamond difference)
    (-D/h + Σa h/4) (f_{i-1} + f_{i+1}) + (2D/h + Σa h/2) f_i = h/2 (r_left + r_right)
    r = c (φ_sweep - φ_old);  D = 1/3;  φ_new = φ_sweep + (mean of f at a cell's two edges)

f lives on the cells' edges (the end rows: 1/2 + D/h + Σa h/4), consistently with the sweep, which
is what keeps the correction stable in cells of any thickness; diffusion on cell centers is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DIFFUSION = 1 / 3  # D, of Σt = 1
SOURCE = 1.0


class Slab:
    """A slab and its ordinates.

    Args:
        c: scattering ratio, in (0, 1).
        thickness: mean free paths.
        cells: equal ones.
        order: ordinates, even.
    """

    def __init__(self, c: float, thickness: float, cells: int, order: int) -> None:
        self.c, self.h = c, thickness / cells
        mu, weights = np.polynomial.legendre.leggauss(order)
        self._mu, self._weights = mu[mu > 0], weights[mu > 0]
        self._inverse = np.linalg.inv(_edge_matrix(c, self.h, cells))

    def sweep(self, phi: Array) -> tuple[Array, float]:
        """φ after one sweep with the scattering of `phi`, and what leaks out of both ends."""
        emission = (self.c * phi + SOURCE) / 2
        rightward, out_right = self._march(emission)
        leftward, out_left = self._march(emission[::-1])
        return rightward + leftward[::-1], out_right + out_left

    def correction(self, residual: Array) -> Array:
        """What diffusion adds to φ in each cell, given r."""
        padded = np.concatenate([[0.0], residual, [0.0]])
        edges = self._inverse @ (self.h / 2 * (padded[:-1] + padded[1:]))
        return np.asarray((edges[:-1] + edges[1:]) / 2)

    def iterate(self, phi: Array, *, accelerate: bool) -> Array:
        """One iteration: a sweep, and the correction if asked for."""
        swept, _ = self.sweep(phi)
        if not accelerate:
            return swept
        return swept + self.correction(self.c * (swept - phi))

    def _march(self, emission: Array) -> tuple[Array, float]:
        """Half of φ, of the ordinates that go with the order of the cells; and their leakage."""
        slope = self._mu / self.h
        psi = np.zeros_like(self._mu)
        means = np.empty((len(emission), len(self._mu)))
        for i, value in enumerate(emission):
            after = ((slope - 0.5) * psi + value) / (slope + 0.5)
            means[i] = (psi + after) / 2
            psi = after
        return means @ self._weights, float((self._weights * self._mu) @ psi)


def _edge_matrix(c: float, h: float, cells: int) -> Array:
    """The diffusion operator on the cells + 1 edges."""
    absorption = (1 - c) * h / 4
    center = np.full(cells + 1, 2 * DIFFUSION / h + 2 * absorption)
    center[[0, -1]] = 0.5 + DIFFUSION / h + absorption
    beside = np.full(cells, absorption - DIFFUSION / h)
    return np.diag(center) + np.diag(beside, 1) + np.diag(beside, -1)

"""Solvers on batches: conjugate gradients as scipy has them, least squares, total variation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import cg
from skimage.restoration import denoise_tv_chambolle

from iterun.ops import operators, solvers

KINDS = [torch.float64, torch.complex128]


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def systems(dtype, n=3, d=64):
    """Hermitian positive matrices of unequal condition, (n, d, d), right sides and starts.

    Rounding drives any two CGs apart as they come near d steps; 25 of 64 are far from it.
    """
    factors = drawn(n, d, d, dtype=dtype)
    scales = torch.tensor([0.05, 0.5, 5.0])[:n, None, None]
    matrices = torch.eye(d) + scales * factors @ factors.mH / d
    return matrices, drawn(n, d, dtype=dtype, seed=1), drawn(n, d, dtype=dtype, seed=2)


def product(matrices):
    return lambda x: (matrices @ x[..., None])[..., 0]


@pytest.mark.parametrize("dtype", KINDS, ids=["real", "complex"])
def test_every_iterate_is_scipys(dtype):
    matrices, b, x0 = systems(dtype)

    for steps in range(1, 26):
        found = solvers.conjugate_gradients(product(matrices), b, x0, steps).x
        for k in range(3):
            settings = {"x0": x0[k].numpy(), "rtol": 0.0, "atol": 1e-13, "maxiter": steps}
            wanted, _ = cg(matrices[k].numpy(), b[k].numpy(), **settings)
            assert np.abs(found[k].numpy() - wanted).max() < 1e-8


@pytest.mark.parametrize("dtype", KINDS, ids=["real", "complex"])
def test_the_change_lies_in_the_krylov_space(dtype):
    """x_k - x_0 is a combination of r, Hr, ... H^(k-1) r, for r = b - H x_0."""
    matrices, b, x0 = systems(dtype, n=1)
    powers = [b - product(matrices)(x0)]
    for _ in range(3):
        powers.append(product(matrices)(powers[-1]))

    change = solvers.conjugate_gradients(product(matrices), b, x0, 4).x - x0

    basis = torch.linalg.qr(torch.stack(powers, 2)[0]).Q
    inside = basis @ (basis.mH @ change[0])
    assert (inside - change[0]).norm() < 1e-10 * change.norm()


def test_a_picture_is_solved_as_if_it_were_alone():
    matrices, b, x0 = systems(torch.float64)

    together = solvers.conjugate_gradients(product(matrices), b, x0, 6, tolerance=0.05)
    alone = [
        solvers.conjugate_gradients(product(m[None]), right[None], start[None], 6, 0.05)
        for m, right, start in zip(matrices, b, x0, strict=True)
    ]

    assert torch.equal(together.steps, torch.cat([one.steps for one in alone]))
    assert together.x.allclose(torch.cat([one.x for one in alone]), atol=1e-12)
    assert len(set(together.steps.tolist())) > 1  # they did stop apart


def test_a_solved_system_takes_no_step():
    matrices, b, _ = systems(torch.float64)
    solution = torch.linalg.solve(matrices, b)

    found = solvers.conjugate_gradients(product(matrices), b, solution, 5, tolerance=1e-9)

    assert found.steps.tolist() == [0, 0, 0]
    assert torch.equal(found.x, solution)
    assert torch.equal(found.start, found.end)


def test_the_residual_told_is_the_true_one():
    matrices, b, x0 = systems(torch.complex128)

    found = solvers.conjugate_gradients(product(matrices), b, x0, 7)

    true = (b - product(matrices)(found.x)).abs().square().sum(1).sqrt()
    assert found.end.allclose(true, atol=1e-10)
    assert found.start.allclose((b - product(matrices)(x0)).norm(dim=1))


def test_least_squares_is_the_pseudo_inverse():
    operator = operators.Matrix(drawn(20, 64), (8, 8))
    y = drawn(3, 1, 20, seed=1)

    found = solvers.least_squares(operator, y, relative=1e-12)

    wanted = (torch.linalg.pinv(operator.matrix) @ y[:, 0].T).T.reshape(3, 1, 8, 8)
    assert found.allclose(wanted, atol=1e-8)


def test_least_squares_stops_at_the_noise():
    """A blur's pseudo-inverse makes noise of noise; stopped in time it is nearer than the data."""
    blur = operators.gaussian_blur(1.5, (16, 16))
    x = torch.nn.functional.avg_pool2d(drawn(4, 1, 32, 32), 9, 1, 4).float()[..., ::2, ::2]
    y = blur.forward(x) + 0.02 * drawn(4, 1, 16, 16, seed=1).float()

    stopped, not_stopped = (solvers.least_squares(blur, y, noise) for noise in (0.02, 0.0))

    assert (stopped - x).norm() < (y - x).norm() < (not_stopped - x).norm()
    left = (blur.forward(stopped) - y).square().flatten(1).sum(1).sqrt()
    assert (left <= 0.02 * 16).all()


def test_the_differences_have_their_adjoint():
    x, v = drawn(2, 3, 5, 7), drawn(2, 2, 3, 5, 7, seed=1)

    there, back = (solvers.gradient(x) * v).sum(), (x * solvers.gradient_adjoint(v)).sum()

    assert there.allclose(back, rtol=1e-12)


def test_total_variation_denoises_as_scikit_image_does():
    """With A = I both minimize ½|x - y|² + w TV(x); ours ends no higher."""
    identity = operators.Matrix(torch.eye(144), (12, 12))
    truth = torch.zeros(12, 12)
    truth[3:9, 4:10] = 1
    noisy = (truth + 0.2 * drawn(12, 12, seed=3)).float()

    y, begin = noisy.reshape(1, 1, 144), torch.zeros(1, 1, 12, 12)
    x = solvers.total_variation(identity, y, begin, 0.3, steps=range(2000))
    other = torch.from_numpy(denoise_tv_chambolle(noisy.numpy(), 0.3, eps=1e-9, max_num_iter=2000))

    assert (x[0, 0] - other).abs().max() < 5e-3
    assert objective(x[0, 0], noisy, 0.3) <= objective(other, noisy, 0.3) + 1e-4


def objective(x, y, weight):
    variation = solvers.gradient(x).square().sum(0).sqrt().sum()
    return float(0.5 * (x - y).square().sum() + weight * variation)


def test_the_largest_singular_value_is_found():
    operator = operators.Matrix(drawn(20, 64), (8, 8))

    found = solvers.largest_square(operator, torch.zeros(1, 1, 8, 8, dtype=torch.float64))

    wanted = float(torch.linalg.matrix_norm(operator.matrix, 2) ** 2)
    assert 0.97 * wanted < found <= wanted * (1 + 1e-9)

"""Measurement operators: adjoints by the dot-product test, and what each one measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.transform import radon

from iterun.errors import ConfigError
from iterun.ops import kspace, operators
from iterun.ops.problems import Problem
from iterun.ops.solvers import largest_square

USUAL = {
    "measurements": 40,
    "factor": 2,
    "blur": 1.0,
    "sampling": "columns",
    "acceleration": 4,
    "coils": 3,
    "angles": 5,
}
PROBLEMS = ["cs", "inpaint", "superres", "deblur", "mri", "ct"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def built(problem, shape=(1, 16, 16), **changes):
    return Problem(problem=problem, **(USUAL | changes)).build(shape, seeded())


def dot_products(operator, x, seed=1):
    """Re ⟨Ax, y⟩ and ⟨x, Aᴴy⟩ for a random y."""
    seen = operator.forward(x)
    y = torch.randn(seen.shape, dtype=seen.dtype, generator=seeded(seed))
    return float((seen.conj() * y).real.sum()), float((x * operator.adjoint(y)).sum())


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_adjoint_passes_the_dot_product_test(problem, channels):
    """Two channels are one complex picture to magnetic resonance."""
    shape = (channels, 16, 16)
    x = torch.randn(2, *shape, generator=seeded(2))

    there, back = dot_products(built(problem, shape), x)

    assert there == pytest.approx(back, rel=1e-5, abs=1e-3)


@pytest.mark.parametrize("sampling", ["columns", "random", "radial"])
@given(seed=st.integers(0, 99), height=st.integers(8, 20), width=st.integers(8, 20))
@settings(deadline=None, max_examples=15)
def test_every_way_to_sample_has_its_adjoint(sampling, seed, height, width):
    operator = kspace.coils(2, sampling, 3.0, (1, height, width), seeded(seed))
    x = torch.randn(2, 1, height, width, generator=seeded(seed + 1))

    there, back = dot_products(operator, x)

    assert there == pytest.approx(back, rel=1e-5, abs=1e-3)


def test_a_sparse_matrix_of_rays_is_the_dense_one(monkeypatch):
    x = torch.randn(2, 2, 16, 16, generator=seeded())
    dense = operators.rays(7, 16)
    monkeypatch.setattr(operators, "DENSE", 0)
    sparse = operators.rays(7, 16)

    assert sparse.matrix.is_sparse
    assert sparse.forward(x).allclose(dense.forward(x), atol=1e-5)
    assert dot_products(sparse, x)[0] == pytest.approx(dot_products(dense, x)[1], abs=1e-3)


@pytest.mark.parametrize("size", [15, 16, 31])
def test_rays_are_scikit_images(size):
    """A picture inside the circle, since `radon` warns of others."""
    line = np.arange(size) - size // 2
    inside = line[:, None] ** 2 + line[None] ** 2 < (size // 2 - 1) ** 2
    picture = np.random.default_rng(0).normal(size=(size, size)) * inside
    angles = np.array([0.0, 11.25, 45.0, 90.0, 133.0])

    found = operators.radon_matrix(angles, size) @ picture.ravel()

    wanted = radon(picture, angles, circle=True)
    assert np.abs(found.reshape(5, size) - wanted.T).max() < 1e-10


def test_rays_are_scaled_to_one():
    operator = operators.rays(12, 24)

    assert float(torch.linalg.matrix_norm(operator.matrix, 2)) == pytest.approx(1, abs=1e-5)


def test_the_blur_is_scipys():
    x = torch.randn(1, 1, 12, 17, generator=seeded(), dtype=torch.float64)

    found = operators.gaussian_blur(1.3, (12, 17)).forward(x.float())

    wanted = gaussian_filter(x[0, 0].numpy(), 1.3, mode="reflect")
    assert np.abs(found[0, 0].numpy() - wanted).max() < 1e-5


def test_means_and_pixels_are_what_they_say():
    """Of 0 ... 15 in a 4 x 4 square: the upper left mean is (0 + 1 + 4 + 5) / 4 = 2.5."""
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    pixels = operators.Pixels(torch.tensor([3, 8]), (4, 4))

    assert operators.Means(2).forward(x).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    assert pixels.forward(x).flatten().tolist() == [3.0, 8.0]


@pytest.mark.parametrize("n_coils", [1, 4])
@pytest.mark.parametrize("shape", [(1, 12, 12), (2, 12, 12)])
def test_all_frequencies_give_the_picture_back(n_coils, shape):
    """The maps' squares sum to 1 and the FFT is orthonormal: AᴴA = I."""
    operator = kspace.coils(n_coils, "random", 1.0, shape, seeded())
    x = torch.randn(2, *shape, generator=seeded(1))

    assert operator.adjoint(operator.forward(x)).allclose(x, atol=1e-5)


@pytest.mark.parametrize("sampling", ["columns", "random", "radial"])
@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_the_share_asked_for_is_sampled_and_the_middle_always(sampling, size):
    kept = kspace.frequencies(sampling, 4, size, seeded())

    assert kept.shape == size
    assert kept[size[0] // 2, size[1] // 2]
    assert 0.25 <= float(kept.float().mean()) < 0.29
    if sampling == "columns":
        assert (kept.any(0) == kept.all(0)).all()


def test_the_lowest_frequency_is_the_pictures_mean():
    """What is kept in the middle of the plane has to be number 0 of the FFT's own order."""
    operator = kspace.coils(1, "columns", 16, (1, 16, 16), seeded())

    seen = operator.forward(torch.ones(1, 1, 16, 16))

    assert 0 in operator.sampled
    assert seen.abs().max() == pytest.approx(16, abs=1e-4)  # the sum over 256 pixels, / 16


@pytest.mark.parametrize("problem", PROBLEMS)
def test_no_operator_but_the_random_one_enlarges_a_picture(problem):
    largest = largest_square(built(problem), torch.zeros(1, 1, 16, 16))

    assert largest <= (2.2 if problem == "cs" else 1.0001)


@pytest.mark.parametrize(
    ("problem", "changes", "said"),
    [
        ("cs", {"measurements": 257}, "task.measurements=257: a picture has 256 pixels"),
        ("superres", {"factor": 3}, "task.factor=3 does not divide"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(problem, changes, said):
    with pytest.raises(ConfigError, match=said):
        built(problem, **changes)


def test_rays_need_a_square():
    with pytest.raises(ConfigError, match=r"task\.problem=ct"):
        built("ct", (1, 16, 12))


@pytest.mark.parametrize(
    "changes",
    [
        {"measurements": 0},
        {"factor": 0},
        {"coils": 0},
        {"angles": 0},
        {"blur": 0.0},
        {"blur": float("nan")},
        {"acceleration": 0.5},
        {"acceleration": float("nan")},
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_named_as_typed(changes):
    (name, value), *_ = changes.items()

    faults = list(Problem(problem="cs", **(USUAL | changes)).check())

    assert [str(fault).startswith(f"task.{name}={value}") for fault in faults] == [True]

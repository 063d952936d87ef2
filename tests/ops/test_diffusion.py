"""Noise schedule, DDIM, and the Fréchet distance."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from iterun.ops import diffusion
from iterun.ops.diffusion import alphas_bar, ddim_step, frechet, guided_eps, noised, tweedie


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def gaussian_model(spread):
    """The exact denoiser of N(0, spread²): E[n | z] of z = sqrt(ᾱ) x + sqrt(1 - ᾱ) n."""
    abar = alphas_bar()

    def eps(z, t, label):
        a = abar[t][:, None]
        return (1 - a).sqrt() * z / (a * spread**2 + 1 - a)

    return SimpleNamespace(alphas_bar=abar, shape=(3,), n_labels=2, eps=eps)


def test_the_schedule_is_stable_diffusions():
    abar = alphas_bar()

    assert abar[[0, 499, 999]].tolist() == pytest.approx([0.99915, 0.27767, 0.00466], abs=5e-6)
    assert bool((abar.diff() < 0).all())


def test_tweedie_takes_back_what_noised_put_on():
    x, n = torch.randn(4, 3, generator=seeded()), torch.randn(4, 3, generator=seeded(1))
    abar = torch.tensor([0.9, 0.5, 0.1, 0.01])

    z = noised(x, abar, n)

    assert torch.allclose(tweedie(z, n, abar), x, atol=1e-5)


def test_ddim_lands_where_the_same_noise_would_have_put_it():
    x, n = torch.randn(2, 3, generator=seeded()), torch.randn(2, 3, generator=seeded(1))
    a, b = torch.tensor(0.3), torch.tensor(0.8)

    assert torch.allclose(ddim_step(noised(x, a, n), n, a, b), noised(x, b, n), atol=1e-6)
    assert torch.allclose(ddim_step(noised(x, a, n), n, a, torch.tensor(1.0)), x, atol=1e-6)


def test_a_stochastic_step_keeps_the_level_of_noise():
    """Given the true noise, z_s has mean sqrt(ᾱ_s) x and variance 1 - ᾱ_s whatever eta is."""
    x = torch.full((200_000, 1), 2.0)
    n, fresh = torch.randn(x.shape, generator=seeded()), torch.randn(x.shape, generator=seeded(1))
    a, b = torch.tensor(0.3), torch.tensor(0.8)

    z = ddim_step(noised(x, a, n), n, a, b, eta=1.0, noise=fresh)

    assert float(z.mean()) == pytest.approx(0.8**0.5 * 2, abs=5e-3)
    assert float(z.var()) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_many_steps_with_the_exact_denoiser_give_its_distribution(eta):
    model, labels = gaussian_model(0.5), torch.zeros(20_000, dtype=torch.long)

    few, many = (
        diffusion.sample_ddim(model, labels, steps=n, eta=eta, generator=seeded())
        for n in (50, 400)
    )

    assert float(many.mean()) == pytest.approx(0, abs=0.01)
    assert float(many.std()) == pytest.approx(0.5, rel=0.03)
    assert abs(float(many.std()) - 0.5) < abs(float(few.std()) - 0.5) / 3  # an error of 1 / steps


def test_times_of_few_steps():
    assert diffusion.ddim_times(4) == [999, 749, 499, 249]
    assert diffusion.ddim_times(1) == [999]
    assert len(set(diffusion.ddim_times(1000))) == 1000


def test_guidance_goes_on_from_no_condition_past_the_condition():
    model = SimpleNamespace(n_labels=2, eps=lambda z, t, label: label[:, None].float() + 0 * z)
    z, t, label = torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), torch.tensor([0, 1])

    plain = guided_eps(model, z, t, label, 0.0)
    strong = guided_eps(model, z, t, label, torch.tensor([0.0, 3.0]))

    assert plain[:, 0].tolist() == [0, 1]
    assert strong[:, 0].tolist() == [0, 1 + 3 * (1 - 2)]


def test_frechet_is_that_of_the_matrix_square_root():
    a = torch.randn(300, 5, generator=seeded()) @ torch.randn(5, 5, generator=seeded(1))
    b = torch.randn(200, 5, generator=seeded(2)) + 1

    x, y = a.double().numpy(), b.double().numpy()
    covs = np.cov(x.T), np.cov(y.T)
    root = sqrtm(covs[0] @ covs[1]).real
    wanted = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(covs[0] + covs[1] - 2 * root)

    assert frechet(a, b) == pytest.approx(wanted, rel=1e-9)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_stands_features_that_are_always_zero():
    a = torch.randn(50, 4, generator=seeded())
    a[:, 2] = 0

    assert frechet(a, a + torch.tensor([0.0, 3.0, 0.0, 0.0])) == pytest.approx(9, rel=1e-5)

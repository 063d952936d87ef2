"""The consistency function, its grid and its sampler; diffusers' LCMScheduler is the measure."""

from __future__ import annotations

import pytest
import torch

from iterun.ops import consistency
from iterun.ops.consistency import lcm_step, pseudo_huber, sampling_times, scalings, solver_times
from iterun.ops.diffusion import alphas_bar, noised


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_the_solvers_grid():
    assert solver_times()[:2] == [19, 39]
    assert solver_times()[-1] == 999
    assert len(solver_times()) == 50


def test_sampling_times_are_the_published_ones():
    assert sampling_times(1) == [999]
    assert sampling_times(2) == [999, 499]
    assert sampling_times(4) == [999, 759, 499, 259]
    assert sampling_times(8) == [999, 879, 759, 639, 499, 379, 259, 139]


def test_scalings_lie_on_the_circle_and_end_at_the_sample():
    t = torch.arange(1000)

    c_skip, c_out = scalings(t)

    assert torch.allclose(c_skip + c_out**2, torch.ones(1000), atol=1e-6)
    assert (float(c_skip[0]), float(c_out[0])) == (1.0, 0.0)


def test_at_timestep_0_the_network_is_not_heard():
    z, eps = torch.randn(2, 3, generator=seeded()), torch.full((2, 3), 1e6)

    assert torch.equal(consistency.consistency(z, eps, torch.tensor(0), alphas_bar()[0]), z)


def test_true_noise_leads_to_the_sample():
    x, n, t = torch.randn(2, 3, generator=seeded()), torch.randn(2, 3), torch.tensor([999, 19])
    abar = alphas_bar()[t]

    found = consistency.consistency(noised(x, abar, n), n, t, abar)

    assert torch.allclose(found, x, atol=1e-3)


def test_the_loss_is_square_below_h_and_absolute_above():
    zero = torch.zeros(1)

    assert float(pseudo_huber(zero, zero + 1e-2, 1.0)) == pytest.approx(5e-5, rel=1e-2)
    assert float(pseudo_huber(zero, zero + 10, 1e-3)) == pytest.approx(10, rel=1e-3)
    assert float(pseudo_huber(zero, zero, 1e-3)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_the_sampler_is_diffusers(steps):
    from diffusers import LCMScheduler

    reference = LCMScheduler()
    reference.set_timesteps(steps)
    times, abar = sampling_times(steps), alphas_bar()
    ours = theirs = torch.randn(2, 4, 3, 3, generator=seeded())
    draw = seeded(1)

    assert reference.timesteps.tolist() == times
    for t, t_next in zip(times, [*times[1:], None], strict=True):
        eps = torch.tanh(ours) + 0.1
        state = draw.get_state()
        noise = None if t_next is None else torch.randn(ours.shape, generator=draw)
        again = torch.Generator()
        again.set_state(state)
        step = reference.step(torch.tanh(theirs) + 0.1, torch.tensor(t), theirs, generator=again)
        ours, clean = lcm_step(ours, eps, t, t_next, abar, noise)
        theirs = step.prev_sample
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert torch.allclose(clean, step.denoised, atol=1e-5)


def test_sampling_is_its_steps():
    abar, times = alphas_bar(), sampling_times(2)

    whole = consistency.sample_lcm(
        lambda x, t: torch.tanh(x), abar, (2, 3), times=times, generator=seeded()
    )

    draw = seeded()
    x = torch.randn((2, 3), generator=draw)
    x, _ = lcm_step(x, torch.tanh(x), 999, 499, abar, torch.randn((2, 3), generator=draw))
    x, _ = lcm_step(x, torch.tanh(x), 499, None, abar, None)
    assert torch.equal(whole, x)

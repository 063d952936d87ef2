"""Latent consistency: its boundary scalings, solver grid, loss, and sampler (arXiv 2310.04378).

    t_n    = n T / N - 1,  n = 1 ... N;  interval n goes from t_n to max(t_n - T / N, 0)
    s      = 10 t;  c_skip = σ² / (s² + σ²);  c_out = s / sqrt(s² + σ²);  σ = 0.5
    f(z,t) = c_skip z + c_out (z - sqrt(1 - ᾱ_t) ε(z, t)) / sqrt(ᾱ_t)         (consistency function)
    x_next = sqrt(ᾱ_next) f + sqrt(1 - ᾱ_next) n; the last step returns f       (sampling)

With c_skip(0) = 1 and c_out(0) = 0, f(z, 0) = z whatever the network says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from iterun.ops.diffusion import gaussian, like, noised, tweedie

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Noise = Callable[[Tensor, Tensor], Tensor]  # (x, t as (n,)) -> predicted noise

SIGMA_DATA = 0.5
TIME_SCALE = 10


def solver_times(solver_steps: int = 50, T: int = 1000) -> list[int]:
    """t_1 ... t_N, rising: 19, 39, ..., 999 of 50."""
    skip = T // solver_steps
    return [n * skip - 1 for n in range(1, solver_steps + 1)]


def sampling_times(steps: int, solver_steps: int = 50, T: int = 1000) -> list[int]:
    """Falling timesteps of the sampler, all from the solver's grid: 999, 759, 499, 259 of 4."""
    grid = solver_times(solver_steps, T)[::-1]
    return [grid[k * solver_steps // steps] for k in range(steps)]


def scalings(t: Tensor) -> tuple[Tensor, Tensor]:
    """c_skip and c_out at timesteps t, float32."""
    s = TIME_SCALE * t.float()
    total = s.square() + SIGMA_DATA**2
    return SIGMA_DATA**2 / total, s / total.sqrt()


def consistency(z: Tensor, eps: Tensor, t: Tensor, abar: Tensor) -> Tensor:
    """f(z, t), given the noise that the network sees in z.

    Args:
        z: (n, *shape).
        eps: as z.
        t: timestep, int64, a scalar or (n,).
        abar: ᾱ_t, as t.
    """
    c_skip, c_out = scalings(t)
    return like(c_skip, z) * z + like(c_out, z) * tweedie(z, eps, abar)


def pseudo_huber(a: Tensor, b: Tensor, h: float) -> Tensor:
    """mean(sqrt((a - b)² + h²) - h): square below h, absolute above."""
    return (((a - b).square() + h * h).sqrt() - h).mean()


def lcm_step(
    x: Tensor, eps: Tensor, t: int, t_next: int | None, abar: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One step of the sampler.

    Args:
        x: at timestep t.
        eps: the noise predicted in it.
        t: where it is.
        t_next: where it goes; None: this is the last step.
        abar: ᾱ of every timestep.
        noise: fresh; None in the last step.

    Returns:
        x at t_next, and f: the clean sample as it looks from here.
    """
    at = torch.tensor(t, device=x.device)
    clean = consistency(x, eps, at, abar[t])
    if t_next is None:
        return clean, clean
    assert noise is not None
    return noised(clean, abar[t_next], noise), clean


@torch.no_grad()
def sample_lcm(
    eps: Noise,
    abar: Tensor,
    shape: tuple[int, ...],
    *,
    times: list[int],
    generator: torch.Generator,
) -> Tensor:
    """Samples of `shape`, (n, ...), from noise.

    Args:
        eps: the network, with its condition.
        abar: ᾱ of every timestep, on the network's device.
        shape: of all samples together.
        times: `sampling_times`.
        generator: draws the first noise and that of every step but the last; on the CPU.
    """
    x = gaussian(shape, generator, abar.device)
    for t, t_next in zip(times, [*times[1:], None], strict=True):
        at = torch.full((shape[0],), t, device=abar.device)
        noise = None if t_next is None else gaussian(shape, generator, abar.device)
        x, _ = lcm_step(x, eps(x, at), t, t_next, abar, noise)
    return x

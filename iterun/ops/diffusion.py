"""Noise schedules, the DDIM sampler, and the Fréchet distance between sets of samples.

    z_t  = sqrt(ᾱ_t) x + sqrt(1 - ᾱ_t) n                                        (noising)
    x̂   = (z_t - sqrt(1 - ᾱ_t) ε) / sqrt(ᾱ_t)                                   (Tweedie estimate)
    σ    = η sqrt((1 - ᾱ_s) / (1 - ᾱ_t)) sqrt(1 - ᾱ_t / ᾱ_s)
    z_s  = sqrt(ᾱ_s) x̂ + sqrt(1 - ᾱ_s - σ²) ε + σ n                             (DDIM, t -> s < t)
    ε_w  = ε_c + w (ε_c - ε_0)                                                  (guidance)

w = 0 is the condition alone; the guidance_scale of pipelines is w + 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from iterun.types import DiffusionModel


def alphas_bar(T: int = 1000, beta_start: float = 0.00085, beta_end: float = 0.012) -> Tensor:
    """Share of the signal at timestep 0 ... T - 1, float32: Stable Diffusion's schedule."""
    root = torch.linspace(beta_start**0.5, beta_end**0.5, T, dtype=torch.float64)
    return torch.cumprod(1 - root**2, dim=0).float()


def noised(x: Tensor, abar: Tensor, noise: Tensor) -> Tensor:
    """z_t of clean samples; `abar` is ᾱ_t, a scalar or (n,)."""
    abar = like(abar, x)
    return abar.sqrt() * x + (1 - abar).sqrt() * noise


def tweedie(z: Tensor, eps: Tensor, abar: Tensor) -> Tensor:
    """The clean sample that this noise leaves: x̂."""
    abar = like(abar, z)
    return (z - (1 - abar).sqrt() * eps) / abar.sqrt()


def like(value: Tensor, x: Tensor) -> Tensor:
    """A scalar, or one number a sample, shaped to be multiplied with x: (n, 1, ...)."""
    return value if value.ndim == 0 else value.reshape(-1, *[1] * (x.ndim - 1))


def guided_eps(
    model: DiffusionModel, z: Tensor, t: Tensor, label: Tensor, w: float | Tensor
) -> Tensor:
    """ε_w; at the number w = 0 one call of the network a sample, else two.

    Args:
        model: the network.
        z: (n, *shape).
        t: int64, (n,).
        label: int64, (n,).
        w: guidance, one number or (n,).
    """
    if not isinstance(w, torch.Tensor) and w == 0:
        return model.eps(z, t, label)
    free = torch.full_like(label, model.n_labels)
    both = model.eps(torch.cat([z, z]), torch.cat([t, t]), torch.cat([label, free]))
    conditional, unconditional = both.chunk(2)
    w = like(w, z) if isinstance(w, torch.Tensor) else w
    return conditional + w * (conditional - unconditional)


def ddim_times(steps: int, T: int = 1000) -> list[int]:
    """Timesteps of `steps` steps, from T - 1 down, evenly: 4 of 1000 are 999, 749, 499, 249."""
    return [round(T - k * T / steps) - 1 for k in range(steps)]


def ddim_step(
    z: Tensor,
    eps: Tensor,
    abar: Tensor,
    abar_next: Tensor,
    eta: float = 0.0,
    noise: Tensor | None = None,
) -> Tensor:
    """z_s out of z_t.

    Args:
        z: z_t.
        eps: the noise predicted in it.
        abar: ᾱ_t, a scalar or (n,).
        abar_next: ᾱ_s; 1 at the end.
        eta: share of fresh noise; 0 draws none, 1 is ancestral sampling.
        noise: n; needed where eta > 0.
    """
    clean = tweedie(z, eps, abar)
    abar, abar_next = like(abar, z), like(abar_next, z)
    if eta == 0:
        return abar_next.sqrt() * clean + (1 - abar_next).sqrt() * eps
    assert noise is not None
    sigma = eta * ((1 - abar_next) / (1 - abar) * (1 - abar / abar_next)).sqrt()
    direction = (1 - abar_next - sigma**2).clamp(min=0).sqrt()
    return abar_next.sqrt() * clean + direction * eps + sigma * noise


@torch.no_grad()
def sample_ddim(
    model: DiffusionModel,
    labels: Tensor,
    *,
    steps: int,
    guidance: float = 0.0,
    eta: float = 0.0,
    generator: torch.Generator,
    times: Iterable[int] | None = None,
) -> Tensor:
    """Samples, one a label, (n, *shape), from ᾱ near 0 to ᾱ = 1.

    Args:
        model: the network.
        labels: int64, (n,), on the model's device.
        steps: how many.
        guidance: w.
        eta: share of fresh noise.
        generator: draws the first noise, and eta's; on the CPU.
        times: other timesteps than `ddim_times`, falling.
    """
    abar = model.alphas_bar
    x = gaussian((len(labels), *model.shape), generator, abar.device)
    grid = list(ddim_times(steps, len(abar)) if times is None else times)
    ends = [abar[t] for t in grid[1:]] + [abar.new_ones(())]
    for t, abar_next in zip(grid, ends, strict=True):
        at = torch.full_like(labels, t)
        eps = guided_eps(model, x, at, labels, guidance)
        noise = gaussian(x.shape, generator, abar.device) if eta > 0 else None
        x = ddim_step(x, eps, abar[t], abar_next, eta, noise)
    return x


def gaussian(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device | str
) -> Tensor:
    """Standard normal numbers, float32: the same on every device, drawn where the generator is."""
    return torch.randn(shape, generator=generator, device=generator.device).to(device)


def frechet(a: Tensor, b: Tensor) -> float:
    """|μ - μ'|² + tr(C + C' - 2 (C C')^½) of two sets of features, (n, d) each, in float64."""
    mean_a, cov_a = _moments(a)
    mean_b, cov_b = _moments(b)
    # tr (C C')^½ = tr (C^½ C' C^½)^½, whose argument is symmetric.
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    product = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    shift = (mean_a - mean_b).square().sum()
    return float(shift + cov_a.trace() + cov_b.trace() - 2 * product)


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    values = features.detach().double().cpu()
    return values.mean(dim=0), torch.cov(values.T)

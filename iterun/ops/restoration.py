"""Pictures out of measurements with a diffusion model as the prior: steps of DDS, and DPS.

    x̂   = (z - sqrt(1 - ᾱ) ε) / sqrt(ᾱ)                                     (Tweedie estimate)
    x'  = CG steps from x̂ on  (I + γ AᴴA) x = x̂ + γ Aᴴy,  without noise  AᴴA x = Aᴴy
    z'  = sqrt(ᾱ') x' + sqrt(1 - ᾱ') (η n + sqrt(1 - η²) ε)                  (DDS)
    z'  = DDIM(z, ε; η = 1) - λ ∇_z |y - A x̂(z)|                            (DPS)

η of DDS splits the variance 1 - ᾱ' itself; η of DDIM scales the posterior's deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from iterun.ops.diffusion import ddim_step, gaussian, tweedie
from iterun.ops.solvers import Solved, conjugate_gradients

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Generator, Tensor

    from iterun.ops.solvers import Linear

TOLERANCE = 1e-5  #: of the residual, where a picture's CG stops


@dataclass(frozen=True)
class Measured:
    """What is known of the pictures."""

    operator: Linear
    y: Tensor
    sigma: float  #: standard deviation of the noise in an entry of y

    def normal(self, x: Tensor) -> Tensor:
        """AᴴA x."""
        return self.operator.adjoint(self.operator.forward(x))


@dataclass(frozen=True)
class Prior:
    """The model, for samples that are shaped as pictures."""

    predict: Callable[[Tensor, int], Tensor]  #: (z, t) -> the noise in z; gradients flow to z
    abar: Tensor  #: ᾱ by timestep
    times: Sequence[int]  #: falling

    def abar_after(self, k: int) -> Tensor:
        """ᾱ where step k of the times ends; 1 after the last."""
        is_last = k + 1 == len(self.times)
        return self.abar.new_ones(()) if is_last else self.abar[self.times[k + 1]]


def times(steps: int, T: int) -> list[int]:
    """0, s, 2s ... below T with s = T / steps, rounded down; falling."""
    return [k * T // steps for k in range(steps)][::-1]


def measure(operator: Linear, x: Tensor, sigma: float, generator: Generator) -> Measured:
    """Measurements of x with noise of E |n|² = sigma² an entry, drawn where the generator is."""
    y = operator.forward(x)
    noise = torch.randn(y.shape, dtype=y.dtype, generator=generator, device=generator.device)
    return Measured(operator, y + sigma * noise.to(y.device), sigma)


def consistent(known: Measured, x: Tensor, gamma: float, steps: int) -> Solved:
    """The picture near Tweedie's estimate x that fits the measurements: a few CG steps from x.

    Args:
        known: with sigma 0, the measurements alone are fitted.
        x: (n, channels, height, width).
        gamma: weight of the measurements against x (γ).
        steps: CG steps at most.
    """
    back = known.operator.adjoint(known.y)
    if known.sigma == 0:
        return conjugate_gradients(known.normal, back, x, steps, TOLERANCE)
    return conjugate_gradients(
        lambda v: v + gamma * known.normal(v), x + gamma * back, x, steps, TOLERANCE
    )


def one_gradient(known: Measured, x: Tensor, gamma: float, largest: float) -> Tensor:
    """What a single gradient step of stable length does in place of `consistent`.

    Args:
        known: measurements.
        x: Tweedie's estimate.
        gamma: as for `consistent`.
        largest: |A|².
    """
    size = 1 / largest if known.sigma == 0 else gamma / (1 + gamma * largest)
    return x - size * known.operator.adjoint(known.operator.forward(x) - known.y)


def dds_step(
    prior: Prior,
    k: int,
    z: Tensor,
    correct: Callable[[Tensor], Tensor],
    eta: float,
    generator: Generator,
) -> tuple[Tensor, Tensor]:
    """(x', z') of step k: one call of the network, one correction; at the end z' = x'."""
    t, abar_next = prior.times[k], prior.abar_after(k)
    eps = prior.predict(z, t)
    x = correct(tweedie(z, eps, prior.abar[t]))
    if k + 1 == len(prior.times):
        return x, x
    noise = gaussian(z.shape, generator, z.device)
    fresh = eta * noise + (1 - eta**2) ** 0.5 * eps
    return x, abar_next.sqrt() * x + (1 - abar_next).sqrt() * fresh


def dps(
    prior: Prior, known: Measured, z: Tensor, scale: float, generator: Generator
) -> Iterator[Tensor]:
    """Diffusion posterior sampling: the estimate x̂ of every step, and then what was sampled.

    Args:
        prior: the model and its times.
        known: measurements.
        z: standard normal noise.
        scale: λ.
        generator: of the fresh noise.
    """
    for k, t in enumerate(prior.times):
        at = z.detach().requires_grad_()
        with torch.enable_grad():
            eps = prior.predict(at, t)
            clean = tweedie(at, eps, prior.abar[t])
            off = known.y - known.operator.forward(clean)
            distance = off.abs().square().flatten(1).sum(1).sqrt().sum()
            (slope,) = torch.autograd.grad(distance, at)
        yield clean.detach()
        noise = gaussian(z.shape, generator, z.device)
        step: Any = ddim_step(
            at.detach(), eps.detach(), prior.abar[t], prior.abar_after(k), 1.0, noise
        )
        z = step - scale * slope
    yield z

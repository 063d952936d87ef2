"""What the decomposed sampler is held against: pseudo-inverse, total variation, DPS, gradient."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from iterun.models.clock import clock
from iterun.ops import restoration
from iterun.ops.quality import psnr
from iterun.ops.solvers import (
    LEAST_SQUARES_STEPS,
    TOTAL_VARIATION_STEPS,
    largest_square,
    least_squares,
    total_variation,
)

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from iterun.models.pixels import Pixels
    from iterun.ops.restoration import Measured
    from iterun.ops.solvers import Linear
    from iterun.types import ImageSplit, Shown

#: of which total variation's is chosen
TV_WEIGHTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
N_DEV = 32  # pictures that it is chosen on


@dataclass
class Found:
    """What a method made of the measurements."""

    x: Tensor
    seconds: float  #: of the processor where that computes, else of the clock
    curve: list[float] = field(default_factory=list)  #: mean PSNR after 1, 2 ... calls


@dataclass(frozen=True)
class Rivals:
    """The methods on one set of measurements.

    Args:
        known: measurements.
        truth: the pictures; only curves look at them.
        pixels: the model.
        shown: a bar.
    """

    known: Measured
    truth: Tensor
    pixels: Pixels
    shown: Shown

    def pinv(self) -> Found:
        """Least squares."""
        since = clock(self.truth)
        x = fitted(self.known, self.shown)
        return Found(x, clock(self.truth) - since)

    def tv(self, weight: float) -> Found:
        """Total variation, from the least squares on."""
        since = clock(self.truth)
        x = smoothed(self.known, fitted(self.known, self.shown), weight, self.shown)
        return Found(x, clock(self.truth) - since)

    def dps(self, steps: int, scale: float, z: Tensor, generator: Generator) -> Found:
        """Diffusion posterior sampling from the noise z."""
        prior, curve, since = self.pixels.prior(steps), [], clock(self.truth)
        found = restoration.dps(prior, self.known, z, scale, generator)
        x = z
        for x in self.shown(found, f"DPS, {steps} steps"):
            curve.append(float(psnr(x, self.truth).mean()))
        return Found(x, clock(self.truth) - since, curve[:-2] + curve[-1:])

    def gd(self, steps: int, gamma: float, eta: float, z: Tensor, generator: Generator) -> Found:
        """The decomposed sampler with one gradient step in CG's place."""
        prior, curve, since = self.pixels.prior(steps), [], clock(self.truth)
        largest, x = largest_square(self.known.operator, self.truth[:1]), z
        for k in self.shown(range(steps), "gradient steps"):
            x, z = restoration.dds_step(
                prior,
                k,
                z,
                lambda v: restoration.one_gradient(self.known, v, gamma, largest),
                eta,
                generator,
            )
            curve.append(float(psnr(x, self.truth).mean()))
        return Found(x, clock(self.truth) - since, curve)


def fitted(known: Measured, shown: Shown) -> Tensor:
    """The pictures of least squares."""
    steps = shown(range(LEAST_SQUARES_STEPS), "least squares")
    return least_squares(known.operator, known.y, known.sigma, steps)


def smoothed(known: Measured, begin: Tensor, weight: float, shown: Shown) -> Tensor:
    """The pictures of total variation with this weight, from `begin` on."""
    steps = shown(range(TOTAL_VARIATION_STEPS), f"total variation, weight {weight:g}")
    return total_variation(known.operator, known.y, begin, weight, steps)


def best_weight(
    operator: Linear,
    dev: ImageSplit,
    sigma: float,
    generator: Generator,
    device: torch.device,
    shown: Shown,
) -> float:
    """Total variation's weight of the best mean PSNR on dev pictures, which are none reported."""
    truth = dev.batch(torch.arange(min(N_DEV, len(dev))))[0].to(device)
    known = restoration.measure(operator, truth, sigma, generator)
    begin = fitted(known, shown)
    return max(
        TV_WEIGHTS, key=lambda w: float(psnr(smoothed(known, begin, w, shown), truth).mean())
    )


def to_draw(curve: list[float]) -> list[tuple[int, float]]:
    """(calls, PSNR) of about 25 of a curve's points, the last one among them.

    Estimates below 0 dB, as DPS begins with, are left out: they would flatten all the others.
    """
    apart = max(1, len(curve) // 25)
    numbers = sorted(range(len(curve), 0, -apart))
    return [(n, curve[n - 1]) for n in numbers if curve[n - 1] > 0]

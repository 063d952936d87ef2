"""Magnetic resonance: the frequencies of a picture that a scanner with several coils samples.

    A x = F(S_j x) at the sampled frequencies, F the orthonormal FFT, Σ_j |S_j|² = 1

Operators are as in `operators`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from iterun.ops.problems import Sampling

GOLDEN = math.pi * (math.sqrt(5) - 1) / 2  #: angle between spokes that fills a half turn evenly
CENTER = 0.08  #: share of the frequencies' width that is always sampled


@dataclass(frozen=True)
class Coils:
    """Magnetic resonance with several coils.

    Pictures of two channels are complex: real part, imaginary part. The channels of others are real
    pictures of their own.
    """

    maps: Tensor  #: S, complex (coils, h, w)
    sampled: Tensor  #: numbers of the sampled frequencies in the FFT's own order, (m,)
    is_complex: bool

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> complex (n, c or 1, coils, m)."""
        if self.is_complex:
            x = torch.complex(x[:, :1], x[:, 1:])
        seen: Tensor = torch.fft.fft2(self.maps * x[:, :, None], norm="ortho")
        return seen.flatten(3)[..., self.sampled]

    def adjoint(self, y: Tensor) -> Tensor:
        size = self.maps.shape[-2:]
        empty = y.new_zeros((*y.shape[:3], math.prod(size)))
        filled = empty.index_copy(3, self.sampled, y).reshape(*y.shape[:3], *size)
        x = (self.maps.conj() * torch.fft.ifft2(filled, norm="ortho")).sum(2)
        return torch.cat([x.real, x.imag], 1) if self.is_complex else x.real


def coils(
    n_coils: int,
    sampling: Sampling,
    acceleration: float,
    shape: tuple[int, int, int],
    generator: Generator,
) -> Coils:
    """A scan of 1 / acceleration of all frequencies.

    Args:
        n_coils: smooth maps around the picture; 1: the same everywhere.
        sampling: which frequencies: whole columns, single points or spokes.
        acceleration: from 1.
        shape: channels, height, width; two channels are a complex picture.
        generator: draws the frequencies; `radial` draws nothing.
    """
    size = shape[1:]
    sampled = frequencies(sampling, acceleration, size, generator)
    maps = coil_maps(n_coils, size)
    return Coils(maps, torch.fft.ifftshift(sampled).flatten().nonzero()[:, 0], shape[0] == 2)


def coil_maps(n_coils: int, size: tuple[int, int]) -> Tensor:
    """Gaussian maps around the picture with phases that turn across it; complex, Σ |S|² = 1."""
    height, width = size
    if n_coils == 1:
        return torch.ones(1, height, width, dtype=torch.complex64)
    y, x = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    maps = []
    for k in range(n_coils):
        cos, sin = math.cos(2 * math.pi * k / n_coils), math.sin(2 * math.pi * k / n_coils)
        strength = torch.exp(-((x - cos) ** 2 + (y - sin) ** 2) / 2)
        maps.append(torch.polar(strength, 0.5 * math.pi * (x * sin - y * cos) + k))
    stacked = torch.stack(maps)
    return stacked / stacked.abs().square().sum(0).sqrt()


def frequencies(
    sampling: Sampling, acceleration: float, size: tuple[int, int], generator: Generator
) -> Tensor:
    """Which frequencies are sampled, the lowest in the middle; bool (h, w)."""
    height, width = size
    if sampling == "columns":
        wanted, center = round(width / acceleration), max(2, round(CENTER * width))
        order = _middle_first(width, center, generator)
        kept = torch.zeros(width, dtype=torch.bool)
        kept[order[: max(wanted, center)]] = True
        return kept.expand(height, width).clone()
    wanted = round(height * width / acceleration)
    if sampling == "radial":
        return _spokes(wanted, size)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    radius = ((y - height // 2) / height) ** 2 + ((x - width // 2) / width) ** 2
    middle = (radius <= (CENTER / 2 + 1e-6) ** 2).flatten()
    chance = torch.rand(height * width, generator=generator) + middle
    kept = torch.zeros(height * width, dtype=torch.bool)
    kept[chance.argsort(descending=True)[: max(wanted, int(middle.sum()))]] = True
    return kept.reshape(height, width)


def _middle_first(n: int, center: int, generator: Generator) -> Tensor:
    """The numbers 0 ... n - 1: the `center` in the middle, then the others at random."""
    first = n // 2 - center // 2
    middle = torch.arange(first, first + center)
    others = torch.cat([torch.arange(first), torch.arange(first + center, n)])
    return torch.cat([middle, others[torch.randperm(len(others), generator=generator)]])


def _spokes(wanted: int, size: tuple[int, int]) -> Tensor:
    """Spokes through the middle, each the golden angle on, until `wanted` points are met."""
    height, width = size
    kept = torch.zeros(height, width, dtype=torch.bool)
    along = torch.linspace(-0.5, 0.5, 4 * max(size), dtype=torch.float64)
    spoke = 0
    while int(kept.sum()) < wanted and spoke < 16 * max(size):
        y = (height // 2 + along * height * math.sin(spoke * GOLDEN)).round().long()
        x = (width // 2 + along * width * math.cos(spoke * GOLDEN)).round().long()
        kept[y.clamp(0, height - 1), x.clamp(0, width - 1)] = True
        spoke += 1
    return kept

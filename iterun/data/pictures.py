"""Labelled pictures in memory, in three splits, and what training does to them at random.

Pixels are kept as they are stored (uint8 where the source has bytes) and normalized in the batch:
(x / scale - mean) / std, channel by channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from torch import Generator, Tensor

    from iterun.types import ImageSplit


@dataclass(kw_only=True)
class Pictures:
    """Three splits, each read on first use (types.ImageDataset)."""

    name: str
    fingerprint: str  #: SHA-256 of the content; of source and revision where the hub has it
    shape: tuple[int, int, int]  #: channels, height, width
    n_classes: int
    read: Callable[[str], ImageSplit]  #: of "train", "dev" or "test"

    @cached_property
    def train(self) -> ImageSplit:
        return self.read("train")

    @cached_property
    def dev(self) -> ImageSplit:
        return self.read("dev")

    @cached_property
    def test(self) -> ImageSplit:
        return self.read("test")


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """How pixels become numbers."""

    scale: float  #: the largest pixel
    mean: Sequence[float]  #: by channel, of pixels / scale
    std: Sequence[float]

    def __call__(self, pixels: Tensor) -> Tensor:
        """Float32 of pixels (n, c, h, w)."""
        import torch

        # One product and one sum over the pixels: x · 1/(scale · std) - mean / std.
        std = torch.tensor(self.std, dtype=torch.float64)
        mean = torch.tensor(self.mean, dtype=torch.float64)
        factor = (1 / (self.scale * std)).float().view(-1, 1, 1)
        return pixels.float().mul_(factor).sub_((mean / std).float().view(-1, 1, 1))


class InMemory:
    """A split whose pictures are one tensor (types.ImageSplit).

    Args:
        pixels: (n, c, h, w), uint8, or float where `normalize` is None.
        classes: int64, (n,).
        normalize: of pixels; None: they are as they shall be.
        augment: (pixels, generator) -> pixels, of training; None: nothing is done to them.
    """

    def __init__(
        self,
        pixels: Tensor,
        classes: Tensor,
        normalize: Normalization | None = None,
        augment: Callable[[Tensor, Generator], Tensor] | None = None,
    ) -> None:
        self.pixels = pixels
        self.classes = classes
        self._normalize = normalize
        self._augment = augment

    def __len__(self) -> int:
        return len(self.classes)

    def batch(self, index: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Pictures and classes by number; see types.ImageSplit."""
        pixels = self.pixels.index_select(0, index)
        if generator is not None and self._augment is not None:
            pixels = self._augment(pixels, generator)
        if self._normalize is not None:
            pixels = self._normalize(pixels)
        return pixels, self.classes.index_select(0, index)

    def part(self, index: Tensor) -> InMemory:
        """Some of the pictures, as a split of their own."""
        taken = self.pixels.index_select(0, index), self.classes.index_select(0, index)
        return InMemory(*taken, self._normalize, self._augment)


def flip_and_crop(pixels: Tensor, generator: Generator, padding: int = 4) -> Tensor:
    """Each picture mirrored or not, then moved by up to `padding` pixels; black comes in.

    Args:
        pixels: (n, c, h, w), not yet normalized, so that 0 is black.
        generator: on the CPU; draws (n, 3) numbers, whatever the size of the pictures.
        padding: on each side.
    """
    import torch
    from torch.nn import functional as F

    n, _, height, width = pixels.shape
    drawn = torch.rand(n, 3, generator=generator)
    top, left = (drawn[:, :2] * (2 * padding + 1)).long().clamp_(max=2 * padding).unbind(1)
    columns = torch.arange(width).expand(n, width)
    columns = torch.where(drawn[:, 2:] < 0.5, columns, width - 1 - columns) + left[:, None]
    rows = torch.arange(height) + top[:, None]
    padded = F.pad(pixels, (padding,) * 4).permute(0, 2, 3, 1)  # (n, h + 2p, w + 2p, c)
    moved = padded[torch.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


def set_apart(n: int, n_apart: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Numbers 0 to n - 1 as (the rest, `n_apart` of them); the same ones in every run."""
    import numpy as np
    import torch

    order = torch.from_numpy(np.random.default_rng(0).permutation(n))
    return order[: n - n_apart].sort().values, order[n - n_apart :].sort().values

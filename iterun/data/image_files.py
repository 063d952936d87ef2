"""Pictures decoded when they are looked at: for data sets that no memory holds.

Training takes a random part of each picture (8 to 100 % of its area, sides 3:4 to 4:3), scaled to
the size and mirrored half of the time; evaluation the middle of the picture, its shorter side
scaled to 8/7 of the size first.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image
    from torch import Generator, Tensor

    from iterun.data.pictures import Normalization

TRIES = 10  # parts drawn for a picture before its middle is taken
AREA = (0.08, 1.0)
RATIO = (3 / 4, 4 / 3)


class Decoded:
    """A split of picture files (types.ImageSplit).

    Args:
        open: a picture by number; called by several threads.
        classes: one a picture.
        index: the numbers that belong to the split.
        size: pixels a side.
        normalize: of bytes.
    """

    def __init__(
        self,
        open: Callable[[int], Image.Image],
        classes: Sequence[int],
        index: Tensor,
        size: int,
        normalize: Normalization,
    ) -> None:
        import torch

        self._open = open
        self._index = index
        self.classes = torch.as_tensor(classes, dtype=torch.long)[index]
        self._size = size
        self._normalize = normalize

    def __len__(self) -> int:
        return len(self.classes)

    def batch(self, index: Tensor, generator: Generator | None = None) -> tuple[Tensor, Tensor]:
        """Pictures and classes by number; see types.ImageSplit."""
        import torch

        draws: Sequence[list[float] | None] = [None] * len(index)
        if generator is not None:  # before the threads, so that their order does not matter
            draws = torch.rand(len(index), 4 * TRIES + 1, generator=generator).tolist()
        numbers = self._index[index].tolist()
        pixels = torch.stack(list(self._threads.map(self._picture, numbers, draws)))
        return self._normalize(pixels), self.classes[index]

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(min(32, os.cpu_count() or 1), "decode")

    def _picture(self, number: int, draw: list[float] | None) -> Tensor:
        """One picture, uint8 (3, size, size)."""
        import numpy as np
        import torch
        from PIL import Image

        picture = self._open(number).convert("RGB")
        side = self._size
        size = picture.size
        box = middle(*size, 7 / 8) if draw is None else random_part(*size, draw[1:])
        scaled = picture.resize((side, side), Image.Resampling.BILINEAR, box=box)
        if draw is not None and draw[0] < 0.5:
            scaled = scaled.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(scaled)).permute(2, 0, 1)


def middle(width: int, height: int, share: float) -> tuple[float, float, float, float]:
    """The middle square, its side a share of the shorter side: left, top, right, bottom."""
    side = share * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def random_part(
    width: int, height: int, draw: Sequence[float]
) -> tuple[float, float, float, float]:
    """A part of random area and shape at a random place: left, top, right, bottom.

    Args:
        width: of the picture.
        height: of it.
        draw: numbers in [0, 1), four for each try: area, shape, place across and down.
    """
    low, high = (math.log(ratio) for ratio in RATIO)
    for k in range(TRIES):
        area, shape, across, down = draw[4 * k : 4 * k + 4]
        pixels = width * height * (AREA[0] + (AREA[1] - AREA[0]) * area)
        ratio = math.exp(low + (high - low) * shape)
        w, h = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(across * (width - w + 1)), int(down * (height - h + 1))
            return left, top, left + w, top + h
    return middle(width, height, 1.0)

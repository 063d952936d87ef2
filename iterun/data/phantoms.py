"""Pictures to reconstruct: random ellipses, Shepp-Logan heads, parts of scikit-image's photographs.

All are made here, grey, square, float32 in [-1, 1], and each is a function of its split and number.

    ellipses     a body of one ellipse with 3 to 7 more added inside; nothing outside the unit disc
    shepp_logan  the head phantom, number 0 as published, the others turned, scaled and shifted
    pictures     parts of photographs; the splits share no photograph
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from iterun.data.cache import digest
from iterun.data.pictures import Pictures
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import torch
    from numpy.typing import NDArray

    Picture = NDArray[np.float64]  # (size, size), brightness in [0, 1]

SPLITS = ("train", "dev", "test")
FINER = 4  #: edges are drawn on a grid so many times finer
CROPS = 3, 10  #: a part of a photograph is so many times larger before it is scaled
SIZES = {"train": 4096, "dev": 256, "test": 256}
PHOTOGRAPHS = {
    "train": ("astronaut", "brick", "chelsea", "coins", "grass", "gravel", "moon", "page", "text"),
    "dev": ("rocket", "cell"),
    "test": ("camera", "coffee"),
}


@dataclass(frozen=True)
class PictureSplit:
    """Pictures by number (types.ImageSplit); they have no classes: all are of class 0."""

    n: int
    draw: Callable[[int], Picture]

    def __len__(self) -> int:
        return self.n

    def batch(
        self, index: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures (n, 1, size, size) in [-1, 1] and zeros; a generator turns and mirrors them."""
        import numpy as np
        import torch

        drawn = np.stack([self.draw(int(k)) for k in index])[:, None]
        images = torch.from_numpy((2 * drawn - 1).astype(np.float32))
        if generator is not None:
            turns = torch.randint(0, 4, (len(images),), generator=generator)
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            images = torch.stack(
                [
                    (image.flip(-1) if flip else image).rot90(int(turn), (-2, -1))
                    for image, turn, flip in zip(images, turns, mirrored, strict=True)
                ]
            )
        return images, torch.zeros(len(images), dtype=torch.int64)


def ellipses(*, name: str = "ellipses", size: int = 32) -> Pictures:
    """Phantoms of random ellipses, seen by a scanner from all sides.

    Raises:
        ConfigError: a size that shows nothing.
    """
    return _of_numbers(name, size, lambda split, k: random_ellipses(size, split, k))


def shepp_logan(*, name: str = "shepp-logan", size: int = 32) -> Pictures:
    """The Shepp-Logan head; test picture 0 is the published one."""
    return _of_numbers(name, size, lambda split, k: turned_head(size, split, k))


def pictures(*, name: str = "pictures", size: int = 32) -> Pictures:
    """Parts of the photographs that come with scikit-image."""
    return _of_numbers(name, size, lambda split, k: photograph_part(size, split, k))


def random_ellipses(size: int, split: str, k: int) -> Picture:
    """Phantom k of a split, (size, size) in [0, 1]."""
    import numpy as np

    draw = _generator(split, k)
    body = draw.uniform(0.55, 0.9, 2)
    image = draw.uniform(0.3, 0.8) * _ellipse(size, (0.0, 0.0), body, draw.uniform(0, math.pi))
    inside = image > 0
    for _ in range(draw.integers(3, 8)):
        angle, radius = draw.uniform(0, 2 * math.pi), 0.65 * math.sqrt(draw.uniform()) * body.min()
        center = radius * math.cos(angle), radius * math.sin(angle)
        axes = draw.uniform(0.06, 0.35, 2)
        value = draw.uniform(0.15, 0.5) * draw.choice([-1, 1])
        image += value * inside * _ellipse(size, center, axes, draw.uniform(0, math.pi))
    return _coarser(np.clip(image, 0, 1))


def turned_head(size: int, split: str, k: int) -> Picture:
    """Shepp-Logan head k of a split; number 0 of the test split is neither turned nor scaled."""
    import numpy as np
    from skimage.transform import AffineTransform, resize, warp

    fine = _head(FINER * size)
    if (split, k) != ("test", 0):
        draw, middle = _generator(split, k), (FINER * size - 1) / 2
        place = AffineTransform(
            scale=draw.uniform(0.8, 1.0, 2),
            rotation=draw.uniform(0, 2 * math.pi),
            translation=draw.uniform(-0.05, 0.05, 2) * FINER * size,
        )
        center = AffineTransform(translation=(-middle, -middle))
        fine = warp(fine, (center + place + center.inverse).inverse)
    head: Picture = np.clip(resize(fine, (size, size), anti_aliasing=True), 0, 1)
    return head


def photograph_part(size: int, split: str, k: int) -> Picture:
    """A square out of one of the split's photographs, scaled to `size`."""
    import numpy as np
    from skimage.transform import resize

    draw, names = _generator(split, k), PHOTOGRAPHS[split]
    whole = _photograph(names[k % len(names)])
    side = min(int(size * draw.uniform(*CROPS)), *whole.shape)
    top, left = (int(draw.integers(0, length - side + 1)) for length in whole.shape)
    part = whole[top : top + side, left : left + side]
    scaled: Picture = np.clip(resize(part, (size, size), anti_aliasing=True), 0, 1)
    return scaled


def _of_numbers(name: str, size: int, draw: Callable[[str, int], Picture]) -> Pictures:
    if not 8 <= size <= 512:
        raise ConfigError(
            f"data.size={size}: pictures have 8 to 512 pixels a side", hint="as in data.size=32"
        )
    recipe = repr((name, size, SIZES, PHOTOGRAPHS, FINER, CROPS))
    return Pictures(
        name=name,
        fingerprint=digest(recipe),
        shape=(1, size, size),
        n_classes=1,
        read=lambda split: PictureSplit(SIZES[split], partial(draw, split)),
    )


def _generator(split: str, k: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng((SPLITS.index(split), k))


def _ellipse(
    size: int, center: tuple[float, float], axes: NDArray[np.float64], angle: float
) -> NDArray[np.bool_]:
    """The pixels of an ellipse on the fine grid over [-1, 1] x [-1, 1]."""
    import numpy as np

    line = (np.arange(FINER * size) + 0.5) * 2 / (FINER * size) - 1
    x, y = line[None, :] - center[0], line[:, None] - center[1]
    along = (x * math.cos(angle) + y * math.sin(angle)) / axes[0]
    across = (y * math.cos(angle) - x * math.sin(angle)) / axes[1]
    return np.asarray(along**2 + across**2 <= 1)


def _coarser(fine: Picture) -> Picture:
    """Means of FINER x FINER pixels."""
    side = len(fine) // FINER
    means: Picture = fine.reshape(side, FINER, side, FINER).mean((1, 3))
    return means


@cache
def _head(size: int) -> Picture:
    from skimage.data import shepp_logan_phantom
    from skimage.transform import resize

    head: Picture = resize(shepp_logan_phantom(), (size, size), anti_aliasing=True)
    return head


@cache
def _photograph(name: str) -> Picture:
    import skimage.data
    from skimage.color import rgb2gray
    from skimage.util import img_as_float64

    whole = getattr(skimage.data, name)()
    grey: Picture = rgb2gray(whole) if whole.ndim == 3 else img_as_float64(whole)
    return grey

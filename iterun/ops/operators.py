"""What a picture is measured with: linear operators A and their adjoints Aᴴ.

Pictures x are (n, channels, height, width), real. Adjoints are those of Re ⟨·, ·⟩, so that
Re ⟨Ax, y⟩ = ⟨x, Aᴴy⟩ also where y is complex. The rows of a batch are measured alike.

    Matrix   y = M x for every channel: Gaussian compressed sensing, tomography
    Pixels   y = some pixels of x
    Means    y = means of f x f pixels
    Blur     y = K x Lᵀ, K and L of a Gaussian that is mirrored at the border

Magnetic resonance is `kspace`'s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor

DENSE = 2**22  #: entries up to which a matrix of rays is kept dense, which is faster


@dataclass(frozen=True)
class Matrix:
    """Any matrix, (m, height * width), dense or sparse, on every channel."""

    matrix: Tensor
    size: tuple[int, int]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, m)."""
        rows = (self.matrix @ x.flatten(2).flatten(0, 1).T).T
        return rows.reshape(*x.shape[:2], -1)

    def adjoint(self, y: Tensor) -> Tensor:
        columns = self.matrix.T @ y.flatten(0, 1).T
        return columns.T.reshape(*y.shape[:2], *self.size)


@dataclass(frozen=True)
class Pixels:
    """The pixels with the numbers `kept`, (m,), counted row by row."""

    kept: Tensor
    size: tuple[int, int]

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, m)."""
        return x.flatten(2)[..., self.kept]

    def adjoint(self, y: Tensor) -> Tensor:
        empty = y.new_zeros((*y.shape[:2], math.prod(self.size)))
        return empty.index_copy(2, self.kept, y).reshape(*y.shape[:2], *self.size)


@dataclass(frozen=True)
class Means:
    """Means over squares of `factor` x `factor` pixels."""

    factor: int

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c, h / factor, w / factor)."""
        return F.avg_pool2d(x, self.factor)

    def adjoint(self, y: Tensor) -> Tensor:
        repeated = y.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)
        return repeated / self.factor**2


@dataclass(frozen=True)
class Blur:
    """A blur down the columns, (h, h), and along the rows, (w, w)."""

    down: Tensor
    across: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> the same."""
        return self.down @ x @ self.across.T

    def adjoint(self, y: Tensor) -> Tensor:
        return self.down.T @ y @ self.across


def gaussian(m: int, size: tuple[int, int], generator: Generator) -> Matrix:
    """Random rows of length 1 in the mean: entries of variance 1 / (height * width)."""
    d = math.prod(size)
    return Matrix(torch.randn(m, d, generator=generator) / math.sqrt(d), size)


def some_pixels(m: int, size: tuple[int, int], generator: Generator) -> Pixels:
    """A random choice of m pixels, the same for all pictures."""
    return Pixels(torch.randperm(math.prod(size), generator=generator)[:m].sort().values, size)


def gaussian_blur(width: float, size: tuple[int, int]) -> Blur:
    """A Gaussian of standard deviation `width`, pixels, as scipy.ndimage has it."""
    import numpy as np
    from scipy.ndimage import gaussian_filter1d

    down, across = (gaussian_filter1d(np.eye(n), width, axis=0, mode="reflect") for n in size)
    return Blur(torch.from_numpy(down).float(), torch.from_numpy(across).float())


def rays(n_angles: int, size: int) -> Matrix:
    """Parallel-beam tomography as scikit-image's `radon` does it, scaled to |A| = 1.

    Args:
        n_angles: spread evenly over half a turn.
        size: pixels a side, and rays an angle.
    """
    import numpy as np
    from scipy.sparse.linalg import svds

    angles = np.arange(n_angles) * 180 / n_angles
    found = radon_matrix(angles, size)
    start = np.ones(min(found.shape))
    scaled = (found / svds(found, k=1, v0=start, return_singular_vectors=False)[0]).tocoo()
    places = torch.from_numpy(np.stack([scaled.row, scaled.col]).astype(np.int64))
    values = torch.from_numpy(scaled.data).float()
    matrix = torch.sparse_coo_tensor(places, values, scaled.shape, check_invariants=False)
    dense = math.prod(scaled.shape) <= DENSE
    return Matrix(matrix.to_dense() if dense else matrix.coalesce(), (size, size))


def radon_matrix(angles: NDArray[np.float64], size: int) -> Any:
    """`radon(image, angles, circle=True)` as a sparse matrix, rows by angle, then ray.

    Each angle turns the picture by bilinear interpolation and sums its columns.
    """
    import numpy as np
    from scipy.sparse import coo_array

    row, ray = np.mgrid[:size, :size]
    middle, parts = size // 2, []
    for k, angle in enumerate(np.deg2rad(angles)):
        cos, sin = np.cos(angle), np.sin(angle)
        x = cos * (ray - middle) + sin * (row - middle) + middle
        y = cos * (row - middle) - sin * (ray - middle) + middle
        for dy in (0, 1):
            for dx in (0, 1):
                at_x, at_y = np.floor(x) + dx, np.floor(y) + dy
                weight = (1 - np.abs(x - at_x)) * (1 - np.abs(y - at_y))
                inside = (at_x >= 0) & (at_x < size) & (at_y >= 0) & (at_y < size)
                pixel = (at_y * size + at_x)[inside]
                parts.append((weight[inside], k * size + ray[inside], pixel.astype(np.int64)))
    values, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    # Entries of one place are added up.
    return coo_array((values, (rows, columns)), (len(angles) * size, size**2)).tocsr()


def moved(operator: Any, device: torch.device | str) -> Any:
    """The same operator with its tensors on a device."""
    values = {field.name: getattr(operator, field.name) for field in fields(operator)}
    there = {name: v.to(device) for name, v in values.items() if isinstance(v, torch.Tensor)}
    return replace(operator, **there)

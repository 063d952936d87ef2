"""The handwritten digits that scikit-learn carries, as the small diffusion models take them.

1,437 of the 1,797 pictures are for training, 360 are held out, by a fixed permutation. A picture is
its 64 pixels in [-1, 1], row by row.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

N_TRAIN = 1437
SIDE = 8  #: pixels
N_LABELS = 10
Style = Literal["plain", "bold"]


class DigitsSplit(NamedTuple):
    """Pictures, float32 (n, 64) in [-1, 1], and what they show, int64 (n,)."""

    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor


@cache
def load_digits_split(style: Style = "plain") -> DigitsSplit:
    """The split; its tensors are shared, so leave them as they are.

    Args:
        style: bold digits are drawn with a stroke one pixel wider.
    """
    import numpy as np
    import torch
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.RandomState(0).permutation(len(found.target))  # as defined
    x = torch.from_numpy(found.data[order] / 8 - 1).float()
    x = bold(x) if style == "bold" else x
    y = torch.from_numpy(found.target[order]).long()
    return DigitsSplit(x[:N_TRAIN], y[:N_TRAIN], x[N_TRAIN:], y[N_TRAIN:])


def bold(x: Tensor) -> Tensor:
    """Pictures (n, 64) whose pixels take the brightest of themselves and the one to their left."""
    import torch

    rows = x.reshape(-1, SIDE, SIDE)
    wider = rows.clone()
    wider[:, :, 1:] = torch.maximum(rows[:, :, 1:], rows[:, :, :-1])
    return wider.reshape(-1, SIDE * SIDE)

"""The digits of `digits_split` as pictures of a data set: what the digits' denoiser never saw.

`train` are its training pictures; of the 360 held out the first 160 are `dev`, the others `test`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from iterun.data.digits_split import N_LABELS, SIDE, load_digits_split

if TYPE_CHECKING:
    import torch
    from torch import Tensor

N_DEV = 160


@dataclass(frozen=True)
class DigitsPart:
    """Some of the digits (types.ImageSplit)."""

    pixels: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def batch(
        self, index: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Pictures (n, 1, 8, 8) in [-1, 1] and what they show; nothing is augmented."""
        return self.pixels[index].reshape(-1, 1, SIDE, SIDE), self.classes[index]


@dataclass(frozen=True, kw_only=True)
class DigitsPictures:
    """Three disjoint parts (types.ImageDataset)."""

    name: str
    fingerprint: str
    train: DigitsPart
    dev: DigitsPart
    test: DigitsPart
    shape: tuple[int, int, int] = (1, SIDE, SIDE)
    n_classes: int = N_LABELS


def digits(*, name: str = "digits-pictures") -> DigitsPictures:
    """Scikit-learn's digits, pixels in [-1, 1]."""
    x_train, y_train, x_test, y_test = load_digits_split()
    sha = hashlib.sha256()
    for tensor in (x_train, y_train, x_test, y_test):
        sha.update(tensor.numpy().tobytes())
    return DigitsPictures(
        name=name,
        fingerprint=sha.hexdigest(),
        train=DigitsPart(x_train, y_train),
        dev=DigitsPart(x_test[:N_DEV], y_test[:N_DEV]),
        test=DigitsPart(x_test[N_DEV:], y_test[N_DEV:]),
    )

"""The handwritten digits that scikit-learn carries: 1,797 pictures of 8x8 in ten classes.

30 % of each class are held out as `test`, 10 % of the rest are `dev`; both by a fixed seed of the
data set, so that every run has the same splits: 1,132, 126 and 539 pictures. Settings are chosen
on `dev`, effects claimed on `test`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun.data.cache import digest
from iterun.data.pictures import InMemory, Pictures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEST_SHARE = 0.3
DEV_SHARE = 0.1  #: of what is not `test`


def digits(*, name: str = "digits") -> Pictures:
    """Pixels / 16 - 0.5: (1, 8, 8) in [-0.5, 0.5]; no augmentation."""
    import torch
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = torch.from_numpy(found.images / 16 - 0.5).float().unsqueeze(1)
    classes = torch.from_numpy(found.target).long()
    rest, test = apart(found.target, TEST_SHARE)
    train, dev = (rest[part] for part in apart(found.target[rest], DEV_SHARE))
    whole = InMemory(pixels, classes)
    splits = {
        split: whole.part(torch.from_numpy(index))
        for split, index in (("train", train), ("dev", dev), ("test", test))
    }
    content = digest(pixels.numpy().tobytes(), classes.numpy().tobytes())
    return Pictures(
        name=name,
        fingerprint=content,
        shape=(1, 8, 8),
        n_classes=10,
        read=lambda split: splits[split],
    )


def apart(classes: NDArray[np.int64], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of (the rest, a share of each class, rounded), sorted; by a fixed seed."""
    import numpy as np

    draw = np.random.default_rng(0)
    taken = []
    for label in np.unique(classes):
        own = draw.permutation(np.flatnonzero(classes == label))
        taken.append(own[: round(share * len(own))])
    held_out = np.sort(np.concatenate(taken))
    return np.setdiff1d(np.arange(len(classes)), held_out), held_out

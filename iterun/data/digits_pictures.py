"""The digits of `digits_split` as pictures of a data set: what the digits' denoiser never saw.

`train` are its training pictures; of the 360 held out the first 160 are `dev`, the others `test`.
"""

from __future__ import annotations

from iterun.data.cache import digest
from iterun.data.digits_split import N_LABELS, SIDE, load_digits_split
from iterun.data.pictures import InMemory, Pictures

N_DEV = 160


def digits(*, name: str = "digits-pictures") -> Pictures:
    """Scikit-learn's digits, pixels (1, 8, 8) in [-1, 1]; nothing is augmented."""
    found = load_digits_split()
    shape = (1, SIDE, SIDE)
    x_train, x_test = (x.reshape(-1, *shape) for x in (found.x_train, found.x_test))
    y_test = found.y_test
    parts = {
        "train": InMemory(x_train, found.y_train),
        "dev": InMemory(x_test[:N_DEV], y_test[:N_DEV]),
        "test": InMemory(x_test[N_DEV:], y_test[N_DEV:]),
    }
    return Pictures(
        name=name,
        fingerprint=digest(*(tensor.numpy().tobytes() for tensor in found)),
        shape=shape,
        n_classes=N_LABELS,
        read=lambda split: parts[split],
    )

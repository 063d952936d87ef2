"""Scikit-learn's digits: splits that are disjoint, whole and stratified, the same in every run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from iterun.data.digits import apart, digits
from iterun.types import ImageDataset


@pytest.fixture(scope="module")
def data():
    return digits()


def test_the_splits_are_whole_disjoint_and_of_the_sizes_that_are_named(data):
    from sklearn.datasets import load_digits

    splits = [
        split.batch(torch.arange(len(split)))[0] for split in (data.train, data.dev, data.test)
    ]
    together = torch.cat(splits).flatten(1).numpy()

    whole = (load_digits().data / 16 - 0.5).astype(np.float32)
    assert [len(split) for split in splits] == [1132, 126, 539]
    assert sorted(map(tuple, together)) == sorted(map(tuple, whole))
    assert isinstance(data, ImageDataset)


def test_every_class_has_its_share_in_every_split(data):
    counts = [
        torch.bincount(split.batch(torch.arange(len(split)))[1], minlength=data.n_classes)
        for split in (data.train, data.dev, data.test)
    ]

    whole = sum(counts)
    assert data.n_classes == len(whole) == 10
    assert ((counts[2] / whole - 0.3).abs() < 0.01).all()
    assert ((counts[1] / (whole - counts[2]) - 0.1).abs() < 0.01).all()


def test_pictures_are_as_stated_and_nothing_is_done_to_them_at_random(data):
    index = torch.tensor([5, 0, 5])

    pixels, classes = data.train.batch(index, torch.Generator().manual_seed(0))

    assert (pixels.shape, pixels.dtype, classes.dtype) == ((3, 1, 8, 8), torch.float32, torch.int64)
    assert data.shape == (1, 8, 8)
    assert torch.equal(pixels, data.train.batch(index)[0])
    assert torch.equal(pixels[0], pixels[2])
    assert -0.5 == pixels.min() < pixels.max() <= 0.5


def test_the_data_are_the_same_whenever_they_are_read(data):
    again = digits(name="mine")

    assert again.fingerprint == data.fingerprint
    assert torch.equal(again.dev.batch(torch.arange(126))[0], data.dev.batch(torch.arange(126))[0])


def test_a_share_is_rounded_class_by_class():
    """Of 5, 3 and 1 pictures 40 % are 2, 1 (1.2) and 0 (0.4)."""
    classes = np.array([0, 1, 0, 1, 2, 0, 0, 1, 0])

    rest, taken = apart(classes, 0.4)

    assert np.bincount(classes[taken], minlength=3).tolist() == [2, 1, 0]
    assert sorted([*rest, *taken]) == list(range(9))

"""Pictures to reconstruct: functions of split and number, in range, disjoint, inside the disc."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.data import shepp_logan_phantom
from skimage.transform import resize

from iterun.data import digits_pictures, phantoms
from iterun.data.digits_split import load_digits_split
from iterun.errors import ConfigError
from iterun.types import ImageDataset

KINDS = [phantoms.ellipses, phantoms.shepp_logan, phantoms.pictures]


@pytest.mark.parametrize("make", KINDS)
def test_a_picture_is_a_function_of_split_and_number(make):
    first, second, numbers = make(size=16), make(size=16), torch.tensor([0, 5, 3])

    images, classes = first.test.batch(numbers)

    assert isinstance(first, ImageDataset)
    assert images.shape == (3, *first.shape) == (3, 1, 16, 16)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    assert classes.tolist() == [0, 0, 0]
    assert torch.equal(images[1], second.test.batch(torch.tensor([5]))[0][0])
    assert first.fingerprint == second.fingerprint != make(size=24).fingerprint


@pytest.mark.parametrize("make", KINDS)
def test_no_picture_stands_in_two_splits(make):
    data, seen = make(size=16), {}

    for split in ("train", "dev", "test"):
        for image in getattr(data, split).batch(torch.arange(40))[0]:
            key = image.numpy().tobytes()
            if image.std() > 0.01:  # a piece of sky may look like another one
                assert seen.setdefault(key, split) == split

    assert len(seen) > 90


def test_no_photograph_is_cut_for_two_splits():
    names = [name for split in phantoms.PHOTOGRAPHS.values() for name in split]

    assert len(names) == len(set(names)) == 13


def test_the_photographs_come_with_scikit_image():
    """Others would be fetched from the net on first use."""
    for names in phantoms.PHOTOGRAPHS.values():
        for name in names:
            photograph = phantoms._photograph(name)
            assert min(photograph.shape) > 100
            assert 0 <= photograph.min() < photograph.max() <= 1


def test_ellipses_lie_inside_the_disc_that_a_scanner_sees_from_all_sides():
    line = (torch.arange(32) + 0.5) / 16 - 1
    outside = line[:, None] ** 2 + line[None] ** 2 > 1.05

    images, _ = phantoms.ellipses(size=32).test.batch(torch.arange(30))

    assert (images[:, 0, outside] == -1).all()
    assert (images > -1).flatten(1).any(1).all()


def test_the_first_head_is_the_published_one():
    wanted = resize(shepp_logan_phantom(), (32, 32), anti_aliasing=True)

    found = phantoms.shepp_logan(size=32).test.batch(torch.tensor([0]))[0][0, 0]

    assert np.abs((found.numpy() + 1) / 2 - wanted).max() < 0.08  # scaled down in two stages


def test_augmentation_turns_and_mirrors():
    data, numbers = phantoms.ellipses(size=16), torch.zeros(30, dtype=torch.int64)
    plain = data.train.batch(numbers[:1])[0][0]

    turned = data.train.batch(numbers, torch.Generator().manual_seed(0))[0]

    eight = {
        image.rot90(k, (-2, -1)).numpy().tobytes()
        for image in (plain, plain.flip(-1))
        for k in range(4)
    }
    assert {image.numpy().tobytes() for image in turned} == eight


@pytest.mark.parametrize("size", [7, 513])
def test_a_size_that_shows_nothing_is_refused(size):
    with pytest.raises(ConfigError, match=f"data.size={size}"):
        phantoms.ellipses(size=size)


def test_digits_are_those_of_the_split_and_their_parts_disjoint():
    data, split = digits_pictures.digits(), load_digits_split()

    dev, test = (part.batch(torch.arange(len(part))) for part in (data.dev, data.test))

    assert isinstance(data, ImageDataset)
    assert [len(part) for part in (data.train, data.dev, data.test)] == [1437, 160, 200]
    assert torch.equal(torch.cat([dev[0], test[0]]).flatten(1), split.x_test)
    assert torch.equal(torch.cat([dev[1], test[1]]), split.y_test)

"""Pictures in memory: normalized by hand, mirrored and moved at random, set apart for good."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterun.data.pictures import InMemory, Normalization, flip_and_crop, set_apart


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_pixels_are_normalized_channel_by_channel():
    """(255/255 - 0.5) / 0.25 = 2 and (51/255 - 0.2) / 0.5 = 0."""
    normalize = Normalization(scale=255, mean=(0.5, 0.2), std=(0.25, 0.5))

    found = normalize(torch.tensor([[[[255]], [[51]]]], dtype=torch.uint8))

    assert found.flatten().tolist() == pytest.approx([2.0, 0.0], abs=1e-6)
    assert found.dtype == torch.float32


@given(st.integers(0, 2**31), st.integers(0, 4), st.sampled_from([(3, 6, 5), (1, 4, 8)]))
def test_a_picture_is_a_window_of_its_padded_self_or_of_its_mirror(seed, padding, shape):
    pixels = torch.randint(1, 256, (3, *shape), generator=seeded(seed), dtype=torch.uint8)

    moved = flip_and_crop(pixels, seeded(seed), padding)

    _, height, width = shape
    assert (moved.shape, moved.dtype) == (pixels.shape, torch.uint8)
    for before, after in zip(pixels, moved, strict=True):
        padded = [torch.nn.functional.pad(one, (padding,) * 4) for one in (before, before.flip(-1))]
        windows = [
            one[:, top : top + height, left : left + width]
            for one in padded
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
        ]
        assert any(torch.equal(after, window) for window in windows)


def test_every_place_and_half_of_the_mirrors_come_up():
    """Of 9,000 pictures with one bright pixel each of 3x3 places has a ninth."""
    pixels = torch.zeros(9000, 1, 5, 5, dtype=torch.uint8)
    pixels[:, :, 2, 2] = 1

    moved = flip_and_crop(pixels, seeded(), padding=1)

    share = moved.float().mean(dim=0)[0]
    assert torch.allclose(share[1:4, 1:4], torch.tensor(1 / 9), atol=0.015)
    assert float(share.sum()) == pytest.approx(1)
    pixels = torch.tensor([[[[1, 2]]]], dtype=torch.uint8).expand(4000, 1, 1, 2)
    mirrored = flip_and_crop(pixels, seeded(), padding=0)[:, 0, 0, 0] == 2
    assert float(mirrored.float().mean()) == pytest.approx(0.5, abs=0.03)


def test_augmentation_is_a_function_of_the_generator_and_of_nothing_without_one():
    pixels = torch.randint(256, (20, 3, 8, 8), dtype=torch.uint8, generator=seeded())
    normalize = Normalization(scale=255, mean=(0, 0, 0), std=(1, 1, 1))
    split = InMemory(pixels, torch.arange(20), normalize, flip_and_crop)
    index = torch.tensor([3, 7])

    one, two, other = (split.batch(index, seeded(s))[0] for s in (1, 1, 2))

    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert torch.allclose(split.batch(index)[0] * 255, pixels[index].float(), atol=1e-3)
    assert split.batch(index)[1].tolist() == [3, 7]


def test_what_is_set_apart_is_the_same_every_time_and_the_rest_is_whole():
    rest, dev = set_apart(100, 15)

    assert (len(rest), len(dev)) == (85, 15)
    assert sorted([*rest.tolist(), *dev.tolist()]) == list(range(100))
    assert torch.equal(dev, set_apart(100, 15)[1])
    assert dev.tolist() != list(range(85, 100))
    assert set_apart(4, 0)[0].tolist() == [0, 1, 2, 3]

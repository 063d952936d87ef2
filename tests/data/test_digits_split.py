"""The digits as the small diffusion models take them."""

import torch

from iterun.data.digits_split import bold, load_digits_split


def test_the_split_is_the_fixed_permutations():
    split = load_digits_split()

    assert (len(split.x_train), len(split.x_test)) == (1437, 360)
    assert split.x_train.shape == (1437, 64)
    assert (float(split.x_train.min()), float(split.x_train.max())) == (-1.0, 1.0)
    assert split.y_train[:5].tolist() == [2, 8, 2, 6, 6]


def test_no_held_out_digit_is_trained_on():
    split = load_digits_split()

    assert float(torch.cdist(split.x_test, split.x_train).min()) > 0


def test_a_bold_stroke_is_one_pixel_wider():
    dark = torch.full((1, 8, 8), -1.0)
    dark[0, 2, 3] = dark[0, 5, 7] = 1.0

    wide = bold(dark.reshape(1, 64)).reshape(8, 8)

    assert (wide == 1).nonzero().tolist() == [[2, 3], [2, 4], [5, 7]]

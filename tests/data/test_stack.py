"""Stacks of one's own: real and complex slices, and files that hold none."""

import numpy as np
import pytest
import torch

from iterun.data.stack import stack
from iterun.errors import ConfigError
from iterun.types import ImageDataset


def saved(path, array):
    np.save(path, array)
    return str(path)


def test_real_slices_are_scaled_to_minus_1_and_1(tmp_path):
    """0 ... 47 becomes -1 ... 1; an eighth of four, at least one, is dev."""
    data = stack(path=saved(tmp_path / "x.npy", np.arange(48.0).reshape(4, 3, 4)))

    test, classes = data.test.batch(torch.tensor([0, 2]))

    assert isinstance(data, ImageDataset)
    assert [len(part) for part in (data.train, data.dev, data.test)] == [0, 1, 3]
    assert data.shape == (1, 3, 4)
    assert test[0, 0, 0, 0] == pytest.approx(12 / 47 * 2 - 1)
    assert test[1].max() == 1
    assert data.dev.batch(torch.tensor([0]))[0].min() == -1
    assert classes.tolist() == [0, 0]


def test_complex_slices_have_two_channels_of_magnitude_at_most_1(tmp_path):
    values = np.zeros((2, 2, 2), complex)
    values[1, 0, 0], values[1, 1, 1] = 3 + 4j, -1j

    data = stack(path=saved(tmp_path / "x.npy", values))

    image = data.test.batch(torch.tensor([0]))[0][0]
    assert data.shape == (2, 2, 2)
    assert image[:, 0, 0].tolist() == pytest.approx([0.6, 0.8])
    assert image[:, 1, 1].tolist() == pytest.approx([0.0, -0.2])
    assert image[:, 0, 1].tolist() == [0.0, 0.0]


REFUSED = {
    "a plane": (np.zeros((4, 4)), "holds (4, 4)"),
    "one picture": (np.zeros((1, 4, 4)), "holds (1, 4, 4)"),
    "words": (np.full((2, 2, 2), "x"), "not at least 2 pictures"),
    "pickles": (np.full((2, 2, 2), None), "is no array of numbers"),
    "all the same": (np.ones((2, 2, 2)), "all the same"),
    "not finite": (np.full((2, 2, 2), np.nan), "aren't finite"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_without_pictures_is_refused(what, tmp_path):
    array, said = REFUSED[what]

    with pytest.raises(ConfigError) as refused:
        stack(path=saved(tmp_path / "x.npy", array))

    assert said in refused.value.message
    assert refused.value.message.startswith(f"data.path={tmp_path / 'x.npy'}")
    assert refused.value.hint


def test_a_text_file_a_missing_file_and_none_are_refused(tmp_path):
    (tmp_path / "x.npy").write_text("no array")

    for path, said in [(tmp_path / "x.npy", "no array of"), (tmp_path / "y.npy", "no such file")]:
        with pytest.raises(ConfigError, match=said):
            stack(path=str(path))
    with pytest.raises(ConfigError, match=r"data\.path is empty"):
        stack()


def test_a_share_that_is_none_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.dev=1"):
        stack(path=saved(tmp_path / "x.npy", np.zeros((2, 2, 2))), dev=1.0)

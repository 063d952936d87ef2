"""Batches are a function of the generator, padded on the right, cut to the context."""

from __future__ import annotations

import pytest
import torch

from iterun.data.batches import TrainingText
from iterun.errors import ConfigError


def letters(text, verbose):
    """A tokenizer of letters: a = 1, b = 2, ..."""
    return {"input_ids": [ord(letter) - 96 for letter in text]}


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_short_documents_are_whole_and_padded_on_the_right():
    ids, is_text = TrainingText(["ab", "abcd"], letters, 8).batch(16, draw())

    assert ids.shape == is_text.shape == (16, 4)
    rows = {tuple(row[real].tolist()) for row, real in zip(ids, is_text, strict=True)}
    assert rows == {(1, 2), (1, 2, 3, 4)}
    assert not ids[~is_text].any()


def test_long_documents_give_windows_at_any_place():
    ids, is_text = TrainingText(["abcdefgh"], letters, 3).batch(200, draw())

    assert is_text.all()
    assert ids[:, 0].unique().tolist() == [1, 2, 3, 4, 5, 6]
    assert (ids.diff(dim=1) == 1).all()


def test_the_same_generator_gives_the_same_batch():
    text = TrainingText(["abcdefgh", "xyz"], letters, 3)

    first, again, other = (text.batch(8, draw(seed))[0] for seed in (0, 0, 1))

    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_documents_with_nothing_to_predict_are_passed_over():
    ids, _ = TrainingText(["", "a", "bcd"], letters, 8).batch(20, draw())

    assert (ids == torch.tensor([2, 3, 4])).all()


@pytest.mark.parametrize("documents", [[], ["", "a"]])
def test_a_text_without_any_pair_of_tokens_is_refused(documents):
    with pytest.raises(ConfigError, match="no document of the training split has two tokens"):
        TrainingText(documents, letters, 8).batch(1, draw())

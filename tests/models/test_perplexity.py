"""Perplexity against arithmetic by hand, and the texts that are too short."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from iterun.errors import ConfigError
from iterun.models.perplexity import exp_mean, perplexity, window_losses, windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


class Words:
    """A tokenizer: one token a word, its number."""

    def __call__(self, text: str, *, verbose: bool) -> dict[str, list[int]]:
        assert not verbose
        return {"input_ids": [int(word) for word in text.split()]}


class Fixed(torch.nn.Module):
    """Predicts the same distribution after every token."""

    def __init__(self, probabilities: list[float]) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.tensor(probabilities).log())

    def forward(self, input_ids: Tensor, *, use_cache: bool) -> SimpleNamespace:
        assert not use_cache
        return SimpleNamespace(logits=self.logits.expand(*input_ids.shape, -1))


def test_windows_are_cut_in_order_and_the_rest_is_dropped() -> None:
    got = windows(Words(), "0 1 2 3 4 5 6", 3)

    assert got.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert windows(Words(), "0 1 2 3 4 5 6", 3, limit=1).tolist() == [[0, 1, 2]]


def test_a_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"task\.eval_seqlen=9: .* only 2 tokens"):
        windows(Words(), "0 1", 9)
    with pytest.raises(ConfigError, match="leaves nothing to predict"):
        windows(Words(), "0 1", 1)


def test_the_first_token_of_a_window_is_not_predicted() -> None:
    """Window (0, 1, 1) costs -2 log(1/4) / 2, window (1, 0, 0) costs -2 log(3/4) / 2."""
    module = Fixed([0.75, 0.25])

    losses = window_losses(module, torch.tensor([[0, 1, 1], [1, 0, 0]]))

    assert losses.tolist() == pytest.approx([math.log(4), math.log(4 / 3)], rel=1e-6)
    assert exp_mean(losses) == pytest.approx(math.sqrt(16 / 3), rel=1e-6)


def test_a_uniform_model_has_the_perplexity_of_its_vocabulary() -> None:
    module = Fixed([0.1] * 10)

    assert perplexity(module, torch.randint(10, (5, 7))) == pytest.approx(10, rel=1e-5)


@given(batch=st.integers(1, 9), n=st.integers(1, 8))
def test_the_batch_size_changes_nothing(batch: int, n: int) -> None:
    module = Fixed([0.5, 0.3, 0.2])
    ids = torch.randint(3, (n, 4), generator=torch.Generator().manual_seed(n))

    assert torch.equal(window_losses(module, ids, batch), window_losses(module, ids, n))


def test_the_mode_of_the_module_is_put_back_and_progress_is_shown() -> None:
    module, shown = Fixed([0.5, 0.5]).train(), []

    def progress(items: Sequence[Tensor], label: str) -> Iterable[Tensor]:
        shown.append((label, len(items)))
        return items

    perplexity(module, torch.zeros(5, 3, dtype=torch.long), 2, progress)

    assert module.training
    assert shown == [("perplexity", 3)]


def test_a_ruined_model_is_infinite_or_nan_and_no_error() -> None:
    assert exp_mean(torch.tensor([1e4, 1.0])) == math.inf
    assert math.isnan(exp_mean(torch.tensor([math.nan, 1.0])))

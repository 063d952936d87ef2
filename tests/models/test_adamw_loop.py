"""The plain training: its rates, what it minimizes, and when it gives up."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from iterun.errors import DivergedError
from iterun.models.adamw_loop import AdamWRecipe, fit


def shown(items, label):
    yield from items


def test_the_rate_rises_to_its_peak_and_falls_to_a_tenth():
    recipe = AdamWRecipe(steps=101, lr=1.0, warmup=4)

    rates = [recipe.rate(step) for step in range(recipe.steps)]

    assert rates[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[52] == pytest.approx(0.55)  # half way down
    assert rates[-1] == pytest.approx(0.1)


def test_a_training_shorter_than_its_rise_never_reaches_the_peak():
    recipe = AdamWRecipe(steps=2, lr=1.0, warmup=4)

    assert [recipe.rate(step) for step in range(2)] == [0.25, 0.5]


def test_no_rise_is_possible():
    assert AdamWRecipe(steps=1, lr=1.0, warmup=0).rate(0) == 1


def test_it_finds_the_minimum_and_tells_the_last_loss():
    module = nn.Linear(1, 1, bias=False)
    recipe = AdamWRecipe(steps=400, lr=0.1, weight_decay=0.0)

    loss = fit(module, lambda _: (module.weight - 3).square().sum(), recipe, shown, "a line")

    assert float(module.weight.detach()) == pytest.approx(3, abs=0.01)
    assert 0 <= loss < 1e-3


def test_a_loss_that_is_no_number_ends_it():
    module = nn.Linear(1, 1)
    recipe = AdamWRecipe(steps=3, lr=0.1)
    losses = iter([1.0, float("nan")])

    with pytest.raises(DivergedError, match="a line: the loss is nan at step 2") as stopped:
        fit(module, lambda _: module.weight.sum() * next(losses), recipe, shown, "a line")

    assert torch.isfinite(module.weight).all()
    assert stopped.value.hint

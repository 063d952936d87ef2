"""Repairing one block: the error by hand, windows in fixed order, less error after than before."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from iterun.errors import DivergedError
from iterun.models.gradient_norms import GradientNorms
from iterun.models.recipe import Recipe
from iterun.models.repair import Task, repair

X = torch.randn(5, 4, 8, generator=torch.Generator().manual_seed(0))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(8, 8)

    def forward(self, hidden, shift=0.0):
        return hidden + self.fc1(hidden) + shift


def task(shift: float = 0.0) -> Task:
    torch.manual_seed(0)
    block = Block().requires_grad_(False)
    targets = block(X, shift)
    mask = block.fc1.weight.abs() > 0.15
    block.fc1.weight.mul_(mask)
    return Task(block, {"fc1": mask}, X, {"shift": shift}, targets)


def recipe(*train: str, **changes) -> Recipe:
    defaults = dict(lora_type="mask_lora", lora_r=2, lora_alpha=4, merge=True, lr=None, steps=40)
    return Recipe(train=train, **(defaults | changes))


def quietly(items, label):
    return items


def done(one: Task, chosen: Recipe):
    draw = torch.Generator().manual_seed(0)
    return repair(
        one,
        chosen,
        draw,
        GradientNorms(l1=True),
        rows=2,
        size=1,
        shown=quietly,
        where="iteration 1",
    )


def test_the_error_is_the_mean_square_over_all_entries():
    one = task(shift=0.5)

    got = one.block(X, 0.5)

    assert one.error(quietly) == pytest.approx(float((got - one.targets).square().mean()))


def test_every_look_at_a_window_gives_way_to_signals():
    seen = []

    def shown(items, label):
        seen.append((label, len(items)))
        return items

    repair(
        task(), recipe("biases", steps=3), torch.Generator(), GradientNorms(l1=True),
        rows=2, size=1, shown=shown, where="iteration 1",
    )  # fmt: skip

    assert seen == [("error", 5), ("repair", 3), ("error", 5)]


def test_windows_come_in_fixed_order_and_start_again():
    """Two windows a step of five: 0 1, 2 3, 4 0, 1 2."""
    one = task()
    with torch.no_grad():
        squares = (one.block(X) - one.targets).square().mean(dim=(1, 2))

    losses = [float(sum(one.losses(t, rows=2, size=1))) for t in range(4)]

    pairs = [(0, 1), (2, 3), (4, 0), (1, 2)]
    assert losses == pytest.approx([float(squares[a] + squares[b]) / 2 for a, b in pairs])


@pytest.mark.parametrize("train", [["biases"], ["biases", "lora"], ["full"]])
def test_the_repaired_block_errs_less_and_keeps_its_zeros(train):
    one = task()

    found = done(one, recipe(*train))

    assert found.after < found.before
    assert found.after == pytest.approx(one.error(quietly))
    assert isinstance(one.block.fc1, nn.Linear)
    assert not one.block.fc1.weight[~one.masks["fc1"]].any()


def test_a_loss_that_is_not_finite_names_the_iteration():
    one = task()
    one.targets[0, 0, 0] = math.inf

    with pytest.raises(DivergedError, match="in iteration 1, step 1"):
        done(one, recipe("biases"))

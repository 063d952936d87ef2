"""Importance of units by hand arithmetic, against autograd, and what masks may do."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from iterun.ops.masks import n_pruned
from iterun.ops.structured import (
    RatioSchedule,
    gradient_estimate,
    group_importance,
    importance_,
    matrix_mask,
    moved_average,
    normalized,
    shrunk,
    unit_sums,
)

ratios = st.floats(0, 1, exclude_max=True)


def schedule(**changes: float) -> RatioSchedule:
    settings = {"steps": 200, "first": 0.0, "last": 0.5, "warmup": 0.1, "cooldown": 0.1}
    return RatioSchedule(**(settings | changes))  # type: ignore[arg-type]  # steps is an int


def drawn(*shape: int, seed: int = 0) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=draw)


def test_the_estimate_by_hand():
    """r = 1, B = (1, 2), A = (3, 4), their gradients (5, 6) and (7, 8).

    B ⊗ ∂A + ∂B ⊗ A - ∂B ⊗ ∂A = (7 + 15 - 35, 8 + 20 - 40; 14 + 18 - 42, 16 + 24 - 48).
    """
    A, B = torch.tensor([[3.0, 4.0]]), torch.tensor([[1.0], [2.0]])
    grad_A, grad_B = torch.tensor([[7.0, 8.0]]), torch.tensor([[5.0], [6.0]])

    found = gradient_estimate(A, B, grad_A, grad_B)

    assert found.tolist() == [[-13, -12], [-10, -8]]


@pytest.mark.parametrize("shape", [(5, 7, 3), (8, 2, 4)])
def test_the_estimate_is_what_a_unit_step_takes_off_the_product(shape):
    """Against autograd through y = W x + scale·B A x, in float64."""
    out, width, r = shape
    scale, x = 2.0, drawn(11, width, seed=1)
    W, A, B = drawn(out, width, seed=2), drawn(r, width, seed=3), drawn(out, r, seed=4)
    for tensor in (W, A, B):
        tensor.requires_grad_(True)
    (x @ (W + scale * B @ A).T).tanh().square().sum().backward()

    estimate = gradient_estimate(A.detach(), B.detach(), A.grad, B.grad)

    stepped = (B - B.grad) @ (A - A.grad)
    torch.testing.assert_close(estimate, (B @ A - stepped).detach(), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(B.grad, scale * W.grad @ A.T, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(A.grad, scale * B.T @ W.grad, rtol=1e-12, atol=1e-12)


def test_the_estimate_changes_none_of_its_arguments():
    given_ = [drawn(2, 5), drawn(4, 2), drawn(2, 5, seed=1), drawn(4, 2, seed=1)]
    before = [tensor.clone() for tensor in given_]

    gradient_estimate(*given_)

    assert all(torch.equal(a, b) for a, b in zip(given_, before, strict=True))


@pytest.mark.parametrize(("power", "rows", "columns"), [
    (1, [2 + 6, 12 + 0], [2 + 12, 6 + 0]), (2, [4 + 36, 144], [4 + 144, 36]),
])  # fmt: skip
def test_importance_and_its_sums_by_hand(power, rows, columns):
    weight, gradient = torch.tensor([[1.0, -2.0], [3.0, 0.0]]), torch.tensor([[2.0, 3], [4, 5]])

    scores = importance_(weight, gradient, power)

    assert unit_sums(scores.sum(dim=1), 1).tolist() == rows
    assert unit_sums(scores.sum(dim=0), 1).tolist() == columns
    assert unit_sums(scores.sum(dim=1), 2).tolist() == [sum(rows)]


def test_without_a_gradient_importance_is_the_weights_size():
    weight = torch.tensor([[1.0, -2.0]])

    assert importance_(weight, None, 1).tolist() == [[1, 2]]


def test_a_unit_has_neighbouring_rows():
    assert unit_sums(torch.tensor([1.0, 5.0, 9.0, 13.0]), 2).tolist() == [1 + 5, 9 + 13]


def test_matrices_of_a_group_count_alike_however_large_their_numbers():
    """(3, 4) / 5 and (40, 30) / 50 add up to (1.4, 1.4)."""
    found = group_importance([torch.tensor([3.0, 4.0]), torch.tensor([40.0, 30.0])])

    assert found.tolist() == pytest.approx([1.4, 1.4])


def test_sums_that_are_all_zero_stay_so():
    assert normalized(torch.zeros(3)).tolist() == [0, 0, 0]


def test_the_average_moves_a_tenth_of_the_way_and_not_at_all_to_a_nan():
    average, new = torch.tensor([1.0, 0.0]), torch.tensor([2.0, 1.0])

    moved = moved_average(average, new)

    assert moved is not None
    assert moved.tolist() == pytest.approx([1.1, 0.1])
    assert moved_average(average, torch.tensor([2.0, math.nan])) is None


@pytest.mark.parametrize(("t", "ratio"), [
    (1, 0), (20, 0), (60, 0.2890625), (100, 0.4375), (140, 0.4921875), (180, 0.5), (200, 0.5),
])  # fmt: skip
def test_the_schedule_by_hand(t, ratio):
    """0.5 · (1 - (1 - (t - 20) / 160)³) between steps 20 and 180."""
    assert schedule().ratio(t) == pytest.approx(ratio, abs=1e-12)


def test_the_schedule_begins_at_its_first_ratio():
    assert schedule(first=0.2).ratio(20) == 0.2
    assert schedule(first=0.2).ratio(100) == pytest.approx(0.5 - 0.3 / 8)


def test_masks_shrink_every_so_many_steps_and_last_when_the_cooldown_starts():
    found = [t for t in range(1, 101) if schedule(steps=100).is_update(t, 15)]

    assert found == [15, 30, 45, 60, 75, 90]
    odd = schedule(steps=95)  # 85.5 steps before the cool-down
    assert [t for t in range(1, 96) if odd.is_update(t, 20)] == [20, 40, 60, 80, 86]
    assert odd.ratio(85) < 0.5 == odd.ratio(86)


@given(ratios, ratios, st.floats(0, 0.49), st.floats(0, 0.49), st.integers(1, 500))
def test_the_ratio_only_rises_and_ends_where_it_should(a, b, warmup, cooldown, steps):
    first, last = sorted((a, b))
    plan = schedule(steps=steps, first=first, last=last, warmup=warmup, cooldown=cooldown)

    path = [plan.ratio(t) for t in range(1, steps + 1)]

    assert path[-1] == last
    assert all(x <= y + 1e-12 for x, y in itertools.pairwise(path))
    assert all(first - 1e-12 <= x <= last + 1e-12 for x in path)
    assert any(plan.is_update(t, 7) and plan.ratio(t) == last for t in range(1, steps + 1))


def test_of_three_units_half_is_one():
    assert n_pruned(3, 0.5) == 1
    assert n_pruned(768, 0.5) == 384


def test_the_least_important_units_go_and_ties_by_number():
    kept = torch.ones(5, dtype=torch.bool)

    found = shrunk(kept, torch.tensor([3.0, 1.0, 2.0, 1.0, 0.5]), 2)

    assert found.tolist() == [True, False, True, True, False]
    assert kept.all()


@settings(deadline=None)
@given(st.data())
def test_masks_only_shrink_and_the_living_are_the_best(data):
    n = data.draw(st.integers(1, 20))
    average = torch.tensor(data.draw(st.lists(st.floats(0, 10, width=32), min_size=n, max_size=n)))
    before = torch.tensor(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    n_gone = data.draw(st.integers(0, n))

    after = shrunk(before, average, n_gone)

    assert not (after & ~before).any()
    assert int((~after).sum()) == max(n_gone, int((~before).sum()))
    went, stayed = average[before & ~after], average[after]
    assert not len(went) or not len(stayed) or went.max() <= stayed.min()


def test_a_matrix_is_masked_by_rows_or_columns():
    kept = torch.tensor([True, False])

    rows = matrix_mask(kept, "rows", 2, (4, 3))
    columns = matrix_mask(kept, "columns", 1, (3, 2))

    assert rows.tolist() == [[True] * 3] * 2 + [[False] * 3] * 2
    assert columns.tolist() == [[True, False]] * 3

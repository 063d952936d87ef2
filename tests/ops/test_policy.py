"""Advantages and the clipped loss by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.ops.policy import grpo_advantages, grpo_loss, rloo_advantages, token_kl

GROUPS = st.integers(2, 5).flatmap(
    lambda k: st.lists(
        st.lists(st.floats(-5, 5, width=32), min_size=k, max_size=k), min_size=1, max_size=4
    )
)


def row(*values):
    return torch.tensor([values], dtype=torch.float64)


def test_group_advantages_by_hand():
    """Mean .5, standard deviation of a sample sqrt(1/3) = .577350; the second group ties."""
    r = torch.tensor([1.0, 0.0, 1.0, 0.0, 2.0, 2.0, 2.0, 2.0], dtype=torch.float64)

    found = grpo_advantages(r, 4)

    high = 0.5 / (math.sqrt(1 / 3) + 1e-4)
    assert found.tolist() == pytest.approx([high, -high, high, -high, 0, 0, 0, 0])
    assert grpo_advantages(r, 4, "none").tolist() == [0.5, -0.5, 0.5, -0.5, 0, 0, 0, 0]


def test_batch_scale_divides_by_the_spread_of_all():
    """Rewards 1, 0, 3, 2: deviation sqrt(5/3); centered by group."""
    found = grpo_advantages(torch.tensor([1.0, 0.0, 3.0, 2.0]), 2, "batch", eps=0)

    step = 0.5 / math.sqrt(5 / 3)
    assert found.tolist() == pytest.approx([step, -step, step, -step])


def test_a_single_answer_has_no_advantage():
    for scale in ("group", "batch", "none"):
        assert grpo_advantages(torch.tensor([3.0]), 1, scale).tolist() == [0.0]


def test_leave_one_out_by_hand():
    found = rloo_advantages(torch.tensor([1.0, 0.0, 0.5]), 3)

    assert found.tolist() == pytest.approx([0.75, -0.75, 0.0])


@settings(deadline=None)
@given(GROUPS)
def test_advantages_of_a_group_sum_to_nothing(groups):
    r = torch.tensor(groups, dtype=torch.float64).flatten()
    k = len(groups[0])

    for found in (rloo_advantages(r, k), grpo_advantages(r, k, "batch"), grpo_advantages(r, k)):
        assert found.reshape(-1, k).sum(1).abs().max() < 1e-6


@settings(deadline=None)
@given(GROUPS)
def test_leave_one_out_is_the_centered_reward_in_another_scale(groups):
    r = torch.tensor(groups, dtype=torch.float64).flatten()
    k = len(groups[0])

    torch.testing.assert_close(
        rloo_advantages(r, k), grpo_advantages(r, k, "none") * k / (k - 1), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("group", [0, 3])
def test_groups_that_do_not_fill_the_batch_are_refused(group):
    with pytest.raises(ValueError, match="not groups of"):
        grpo_advantages(torch.ones(4), group)


def test_leave_one_out_of_one_is_refused():
    with pytest.raises(ValueError, match="at least two"):
        rloo_advantages(torch.ones(4), 1)


def test_before_the_first_update_the_loss_is_minus_the_mean_advantage():
    lp = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    adv = torch.tensor([1.0, -2.0, 0.4])

    loss = grpo_loss(lp, lp, torch.ones(3, 5), adv)

    assert float(loss) == pytest.approx(0.2)


def test_clipping_stops_the_gradient_only_where_it_would_run_on():
    """Ratios 1.5 and .5: A > 0 is clipped above, A < 0 below; the other two still learn."""
    for adv, moves in ((1.0, [False, True]), (-1.0, [True, False])):
        lp = row(math.log(1.5), math.log(0.5)).requires_grad_()

        grpo_loss(lp, row(0.0, 0.0), torch.ones(1, 2), torch.tensor([adv])).backward()

        assert (lp.grad[0] != 0).tolist() == moves


def test_the_clipped_value_by_hand():
    """A = 1: min(1.5, 1.2) and min(.5, .8); a wider upper bound lets 1.5 pass."""
    args = row(math.log(1.5), math.log(0.5)), row(0.0, 0.0), torch.ones(1, 2), torch.ones(1)

    assert float(grpo_loss(*args)) == pytest.approx(-(1.2 + 0.5) / 2)
    assert float(grpo_loss(*args, eps_high=0.6)) == pytest.approx(-(1.5 + 0.5) / 2)


def test_how_tokens_are_averaged():
    """Losses -1 on one token of the first answer, 2 on three of the second."""
    lp = torch.zeros(2, 3)
    mask = torch.tensor([[1, 0, 0], [1, 1, 1]])
    adv = torch.tensor([1.0, -2.0])

    def loss(kind, **more):
        return float(grpo_loss(lp, lp, mask, adv, loss_type=kind, **more))

    assert loss("grpo") == pytest.approx((-1 + 2) / 2)
    assert loss("bnpo") == pytest.approx((-1 + 6) / 4)
    assert loss("dr_grpo", max_len=10) == pytest.approx((-1 + 6) / 20)


def test_an_answer_without_tokens_counts_as_nothing():
    lp = torch.zeros(2, 2)

    loss = grpo_loss(lp, lp, torch.tensor([[1, 1], [0, 0]]), torch.ones(2))

    assert float(loss) == pytest.approx(-0.5)


def test_divergence_by_hand_and_its_share_in_the_loss():
    """Reference twice as likely: 2 - ln 2 - 1 = .306853; ratio 3/2."""
    lp = row(math.log(0.3))
    old, ref = row(math.log(0.2)), row(math.log(0.6))

    assert float(token_kl(lp, ref)) == pytest.approx(0.306853, abs=1e-6)
    args = lp, old, torch.ones(1, 1), torch.zeros(1)
    assert float(grpo_loss(*args, ref, 0.5)) == pytest.approx(0.5 * 0.306853, abs=1e-6)
    weighed = grpo_loss(*args, ref, 0.5, kl_ratio=True)
    assert float(weighed) == pytest.approx(0.75 * 0.306853, abs=1e-6)


@settings(deadline=None)
@given(st.floats(-20, 0), st.floats(-20, 0))
def test_the_divergence_of_a_token_is_never_negative(lp, ref):
    assert float(token_kl(torch.tensor(lp), torch.tensor(ref))) >= -1e-6


@pytest.mark.parametrize(
    ("given_", "said"),
    [({"beta": 0.1}, "needs the reference"), ({"loss_type": "dr_grpo"}, "needs max_len")],
)
def test_what_is_missing_is_named(given_, said):
    lp = torch.zeros(1, 1)

    with pytest.raises(ValueError, match=said):
        grpo_loss(lp, lp, torch.ones(1, 1), torch.ones(1), **given_)

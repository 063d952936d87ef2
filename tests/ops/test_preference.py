"""Preference losses by hand, and which two answers make a pair."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.ops.preference import bradley_terry_loss, dpo_loss, listwise_rm_loss, select_pair

REWARDS = st.lists(st.integers(-3, 3).map(float), min_size=2, max_size=8)


def logprobs(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_loss_is_ln_2_where_the_policy_is_the_reference():
    chosen, rejected = logprobs(-3.0, -8.0), logprobs(-2.0, -9.0)

    for smoothing in (0.0, 0.1, 0.5):
        loss = dpo_loss(chosen, rejected, chosen, rejected, label_smoothing=smoothing)
        assert float(loss) == pytest.approx(math.log(2))


def test_dpo_by_hand():
    """z = .5 ((-1 - -3) - (-4 - -2)) = 2: log(1 + e^-2) = .126928, log(1 + e^2) = 2.126928."""
    given_ = logprobs(-1.0), logprobs(-4.0), logprobs(-3.0), logprobs(-2.0)

    assert float(dpo_loss(*given_, beta=0.5)) == pytest.approx(0.126928, abs=1e-6)
    smooth = dpo_loss(*given_, beta=0.5, label_smoothing=0.25)
    assert float(smooth) == pytest.approx(0.75 * 0.126928 + 0.25 * 2.126928, abs=1e-6)


def test_the_gradient_of_a_pair_pulls_both_answers_apart_by_the_same():
    chosen, rejected = (torch.tensor([-5.0], requires_grad=True) for _ in range(2))

    dpo_loss(chosen, rejected, logprobs(-5.0), logprobs(-5.0), beta=0.1).backward()

    assert float(chosen.grad) == pytest.approx(-0.05)  # -beta sigmoid(0)
    assert float(rejected.grad) == pytest.approx(0.05)


def test_full_smoothing_leaves_nothing_to_learn_from_a_pair_not_told_apart():
    chosen = torch.tensor([-5.0], requires_grad=True)

    dpo_loss(chosen, *(logprobs(-5.0) for _ in range(3)), label_smoothing=0.5).backward()

    assert float(chosen.grad) == 0


def test_bradley_terry_by_hand():
    """Differences 1 and -1: mean of .313262 and 1.313262; squares of the sums 9 and 25."""
    chosen, rejected = logprobs(2.0, 2.0), logprobs(1.0, 3.0)

    assert float(bradley_terry_loss(chosen, rejected)) == pytest.approx(0.813262, abs=1e-6)
    centered = bradley_terry_loss(chosen, rejected, center=0.01)
    assert float(centered) == pytest.approx(0.813262 + 0.17, abs=1e-6)
    ahead = bradley_terry_loss(chosen, rejected, margin=logprobs(1.0, -1.0))
    assert float(ahead) == pytest.approx(math.log(2))


def test_a_listwise_loss_is_the_mean_over_right_and_wrong():
    """Right 2 and 0, wrong 1: differences 1 and -1."""
    loss = listwise_rm_loss(logprobs(2.0, 1.0, 0.0), torch.tensor([True, False, True]))

    assert float(loss) == pytest.approx(0.813262, abs=1e-6)


@pytest.mark.parametrize("correct", [[True, True], [False, False]])
def test_a_listwise_loss_needs_both_kinds(correct):
    with pytest.raises(ValueError, match="all right or all wrong"):
        listwise_rm_loss(logprobs(1.0, 2.0), torch.tensor(correct))


def test_a_tie_yields_no_pair():
    assert select_pair([1.0, 1.0, 1.0]) is None
    assert select_pair([0.0, 1.0, 1.0], mode="max_max") is None


def test_pairs_of_each_mode():
    rewards = [0.0, 3.0, 2.0, 3.5, -1.0]

    assert select_pair(rewards) == (3, 4)
    assert select_pair(rewards, mode="max_max") == (3, 1)
    lengths = [10, 10, 10, 40, 10]
    assert select_pair(rewards, lengths, "max_min_p", 0.1) == (1, 4)
    assert select_pair([1.0, 1.0], [5, 9], "max_min_p", 0.1) == (0, 1)


@settings(deadline=None)
@given(REWARDS)
def test_the_better_answer_is_the_best_and_the_worse_one_the_worst(rewards):
    pair = select_pair(rewards)

    assert (pair is None) == (len(set(rewards)) == 1)
    if pair is not None:
        assert rewards[pair[0]] == max(rewards)
        assert rewards[pair[1]] == min(rewards)


@settings(deadline=None)
@given(REWARDS)
def test_nothing_lies_between_the_best_and_the_second_best(rewards):
    pair = select_pair(rewards, mode="max_max")

    first, second = sorted(rewards, reverse=True)[:2]
    assert (pair is None) == (first == second)
    if pair is not None:
        assert [rewards[k] for k in pair] == [first, second]


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ({"rewards": [1.0]}, "two answers"),
        ({"rewards": [1.0, 2.0], "mode": "max_min_p"}, "a length of each"),
        ({"rewards": [1.0, 2.0], "length_penalty": 0.1}, "belongs to max_min_p"),
    ],
)
def test_what_makes_no_pair_is_refused(given_, said):
    with pytest.raises(ValueError, match=said):
        select_pair(**given_)

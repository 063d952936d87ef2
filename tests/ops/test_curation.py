"""K-choice curation: exact distributions, the limits, and the draws."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.ops.curation import choose, curate_next, curated, entropy, kl, moments

REWARDS = [0.0, 0.5, 1.0, 2.0]
UNIFORM = np.full(4, 0.25)

rewards = st.lists(st.floats(-30, 30), min_size=2, max_size=4)
seeds = st.integers(0, 1000)


def rounds(n, *more):
    """p_0 ... p_n from the uniform distribution on."""
    found = [UNIFORM]
    for _ in range(n):
        found.append(curate_next(found[-1], REWARDS, 4, *more))
    return found


def by_all_groups(p, r, K):
    """Σ over the n^K groups of their probability times the softmax of their rewards."""
    kept, w = np.zeros(len(p)), np.exp(np.asarray(r) - max(r))
    for group in map(list, product(range(len(p)), repeat=K)):
        if w[group].sum() > 0:
            np.add.at(kept, group, p[group].prod() * w[group] / w[group].sum())
    return kept


def drawn(seed, n):
    return np.random.default_rng(seed).dirichlet(np.ones(n))


def test_curated_samples_alone_raise_the_expected_exponential_of_the_reward():
    found = [moments(REWARDS, p)["exp_reward_mean"] for p in rounds(5)]

    assert found == pytest.approx([3.1890, 4.5090, 5.8097, 6.6633, 7.0805, 7.2599], abs=5e-5)


def test_half_real_data_lead_to_a_fixed_point():
    *_, before, last = rounds(200, 1.0, UNIFORM)

    assert last == pytest.approx([0.14833, 0.16543, 0.19810, 0.48814], abs=5e-6)
    assert last == pytest.approx(before, abs=1e-15)


@given(r=rewards, seed=seeds, K=st.integers(1, 4))
def test_it_is_the_sum_over_all_groups(r, seed, K):
    p = drawn(seed, len(r))

    assert curated(p, r, K) == pytest.approx(by_all_groups(p, r, K), abs=1e-13)


@given(r=rewards, seed=seeds, K=st.integers(2, 1000))
def test_the_expected_exponential_rises_by_its_variance_at_least(r, seed, K):
    """E'[w] >= E[w] + (K - 1) / K · Var[w] / max w: of Σ w² / Σ w, with Σ w <= K max w."""
    p = drawn(seed, len(r))
    r = np.asarray(r) - max(r)

    before, after = moments(r, p), moments(r, curated(p, r, K))

    least = before["exp_reward_mean"] + (K - 1) / K * before["exp_reward_var"]
    assert after["exp_reward_mean"] >= least - 1e-12


@given(r=rewards, seed=seeds)
def test_a_group_of_one_changes_nothing(r, seed):
    p = drawn(seed, len(r))

    assert curated(p, r, 1) == pytest.approx(p, abs=1e-13)


def test_large_groups_tend_to_the_tilted_distribution():
    """e^r / E[e^r] of the uniform distribution; the distance falls as 1 / K."""
    tilted = np.exp(REWARDS) / np.exp(REWARDS).sum()

    off = [abs(curated(UNIFORM, REWARDS, K) - tilted).max() for K in (100, 1000, 10_000)]

    assert curated(UNIFORM, REWARDS, np.inf) == pytest.approx(tilted)
    assert off[0] / off[1] == pytest.approx(10, rel=0.05)
    assert off[1] / off[2] == pytest.approx(10, rel=0.05)


def test_a_thousand_rounds_with_large_groups_stay_a_distribution():
    p = UNIFORM
    for _ in range(1000):
        p = curate_next(p, REWARDS, 64)

    assert p.sum() == pytest.approx(1, abs=1e-15)
    assert p[3] == pytest.approx(1)


def test_the_data_alone_are_what_no_curated_sample_leaves():
    data = np.array([0.4, 0.3, 0.2, 0.1])

    assert curate_next(UNIFORM, REWARDS, 4, 0.0, data) == pytest.approx(data)
    assert curate_next(UNIFORM, REWARDS, 4, np.inf, data) == pytest.approx(
        curated(UNIFORM, REWARDS, 4)
    )


@given(r=rewards, seed=seeds, lam=st.floats(0.01, 100))
def test_with_real_data_no_state_falls_below_its_share_of_them(r, seed, lam):
    """p_{t+1} >= p_ref / (1 + λ), so that KL(p_ref, p_t) <= ln(1 + λ) for ever."""
    data = drawn(seed, len(r))
    p = data
    for _ in range(5):
        p = curate_next(p, r, 4, lam, data)

    assert (p >= data / (1 + lam) - 1e-12).all()
    assert kl(data, p) <= np.log(1 + lam) + 1e-9


def test_what_was_never_drawn_is_never_kept():
    assert curated([0.5, 0.5, 0.0], [0.0, 0.0, 900.0], 4) == pytest.approx([0.5, 0.5, 0.0])


def test_of_each_group_one_is_drawn_by_softmax():
    r = np.tile([0.0, 1.0, 2.0], (40_000, 1))

    found = choose(r, np.random.default_rng(0))

    shares = np.bincount(found) / len(r)
    assert shares == pytest.approx(np.exp(r[0]) / np.exp(r[0]).sum(), abs=0.01)


def test_draws_agree_with_the_exact_distribution():
    draw, n, K = np.random.default_rng(1), 50_000, 4
    groups = draw.choice(4, size=(n, K))

    kept = groups[np.arange(n), choose(np.array(REWARDS)[groups], draw)]

    exact = curated(UNIFORM, REWARDS, K)
    assert np.bincount(kept) / n == pytest.approx(exact, abs=0.01)


def test_figures_of_a_distribution():
    """r = 0 and ln 3, equal: E[e^r] = 2, Var[e^r] = 1. KL([1, 0], [1/2, 1/2]) = ln 2."""
    found = moments([0.0, np.log(3)])

    assert found["exp_reward_mean"] == pytest.approx(2)
    assert found["exp_reward_var"] == pytest.approx(1)
    assert found["reward_std"] == pytest.approx(np.log(3) / 2)
    assert entropy([5, 5, 0]) == pytest.approx(np.log(2))
    assert str(entropy([7, 0])) == "0.0"
    assert kl([1, 0], [1, 1]) == pytest.approx(np.log(2))
    assert kl([1, 1], [1, 0]) == np.inf

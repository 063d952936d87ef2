"""The schedule that gradient norms make: closed form, filter, bounds, collapse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from iterun.ops.lr_refinement import (
    bound,
    closed_form,
    filtered,
    first_unusable,
    refine,
)
from iterun.ops.lr_schedule import multipliers

T = 2000
X = np.arange(T) / T
NORMS = arrays(np.float64, st.integers(10, 80), elements=st.floats(1e-6, 1e6))


def test_equal_norms_give_linear_decay():
    t = np.arange(1, T + 1)

    eta = refine(np.full(T, 3.0)).multipliers

    assert abs(eta - (1 - t / T) / (1 - 1 / T)).max() < 1e-12


def test_the_closed_form_is_what_it_says():
    """Norms 1, 2, 1: w = 1, 1/4, 1; what comes later: 5/4, 1, 0; products 5/4, 1/4, 0."""
    assert closed_form([1.0, 2.0, 1.0], 2) == pytest.approx([1, 0.2, 0])
    assert closed_form([1.0, 2.0, 1.0], 1) == pytest.approx([1, 1 / 3, 0])


@given(NORMS, st.sampled_from([1, 2]))
def test_the_refined_bound_is_never_above_that_of_linear_decay(norms, power):
    found = refine(norms, power=power)

    assert found.bound_refined <= found.bound_linear * (1 + 1e-12)


def test_bounds_are_those_of_the_theory():
    """Norms 1 and 2: linear sqrt(5) / 2; refined 1 / sqrt(1 + 1/4)."""
    assert bound([1.0, 2.0], [1, 1]) == pytest.approx(np.sqrt(5) / 2)
    assert bound([1.0, 2.0], [1, 0.25]) == pytest.approx(1 / np.sqrt(1.25))


def test_high_norms_early_make_a_warm_up():
    found = refine(1 + 9 * np.exp(-X / 0.05))

    assert found.peak_position == pytest.approx(0.279, abs=0.01)
    assert found.multipliers[0] < 0.05
    assert not found.collapses


def test_norms_that_rise_make_a_fast_annealing():
    found = refine(0.5 + X)

    assert found.multipliers[T // 2] == pytest.approx(0.062, abs=0.01)


def test_single_spikes_have_no_part():
    norms = np.ones(T)
    norms[np.random.default_rng(0).choice(T, 40, replace=False)] = 50

    assert abs(refine(norms).multipliers - refine(np.ones(T)).multipliers).max() < 1e-9


@given(NORMS, st.integers(-30, 30), st.floats(0, 0.5))
def test_the_scale_of_the_norms_has_no_part(norms, exponent, tau):
    scaled = refine(norms * 2.0**exponent, tau=tau).multipliers

    assert scaled == pytest.approx(refine(norms, tau=tau).multipliers, rel=1e-9, abs=1e-12)


@given(NORMS, st.floats(0, 0.5))
def test_multipliers_have_their_peak_at_1_and_end_at_0(norms, tau):
    found = refine(norms, tau=tau)

    assert found.multipliers.max() == 1
    assert found.multipliers[-1] == 0
    assert found.multipliers.min() >= 0
    assert found.multipliers[found.peak_step] == 1


def test_the_filter_looks_beyond_the_end_by_reflection():
    """Ten values, width 5: the last median is of 7, 8, 9 and the reflected 8, 7."""
    assert filtered(np.arange(10.0), 0.5)[-1] == 8
    assert filtered(np.arange(10.0), 0.5)[0] == 0  # 0, 0, 0, 1, 2
    assert filtered(np.arange(10.0), 0) == pytest.approx(np.arange(10.0))


@pytest.mark.parametrize("tau", [0, 0.1, 0.5])
def test_the_shortest_training_has_a_schedule(tau):
    assert refine(np.ones(10), tau=tau).multipliers == pytest.approx((9 - np.arange(10)) / 9)


@pytest.mark.parametrize(
    ("norms", "collapses"),
    [
        (np.ones(T), False),
        (np.maximum(1 - X, 0.06), False),
        (np.exp(-8 * X), True),  # ends at 2 % of its middle
        (np.maximum(np.exp(-12 * X), 1e-3), True),  # over near the middle, whose median is as low
        (1 + 99 * np.exp(-X / 0.01), False),  # a spike at the start is none
    ],
    ids=["flat", "falling", "decaying", "early", "spike"],
)
def test_collapsing_norms_are_told_from_others(norms, collapses):
    assert refine(norms).collapses is collapses


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, np.inf])
def test_the_first_unusable_norm_is_named(bad):
    norms = np.ones(20)
    norms[[7, 12]] = bad

    assert first_unusable(norms) == 7
    assert first_unusable(np.ones(20)) is None


def test_tiny_norms_do_not_overflow():
    eta = refine(np.linspace(1, 2, 50) * 1e-200).multipliers

    assert eta == pytest.approx(refine(np.linspace(1, 2, 50)).multipliers)


def test_linear_decay_of_the_library_is_that_of_the_theory_but_for_one_step():
    """1 - t/T from t = 0 on, and refined from 1 on, scaled: T - 1 steps of the first."""
    eta = refine(np.ones(T)).multipliers

    assert eta[:-1] == pytest.approx(multipliers("linear", T - 1), abs=1e-12)

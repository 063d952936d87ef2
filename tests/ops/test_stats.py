"""Means, intervals and paired tests: arithmetic by hand, and against scipy."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.ops import stats

NUMBERS = st.floats(-1e6, 1e6)
GROUPS = st.lists(st.lists(NUMBERS, max_size=6), min_size=1, max_size=8)


def flat(groups: list[list[float]]) -> tuple[list[float], list[int]]:
    """Values, and the group of each."""
    return (
        [x for group in groups for x in group],
        [k for k, group in enumerate(groups) for _ in group],
    )


def test_the_mean_of_two_values_lies_between_them() -> None:
    """2 and 4: resampled means are 2, 3, 4 with 1/4, 1/2, 1/4, so that 95 % reach from 2 to 4."""
    assert stats.mean_interval([2.0, 4.0]) == (3.0, 2.0, 4.0, 2)


def test_bounds_are_numpy_s_quantiles_of_the_resampled_means() -> None:
    values = np.array([1.5, 2.0, 7.25, 3.0, 0.5])
    drawn = np.random.default_rng([0, 5]).integers(5, size=(2000, 5))
    means = values[drawn].mean(axis=1)

    found = stats.mean_interval(values)

    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]))


def test_one_value_has_no_interval() -> None:
    found = stats.mean_interval([2.5])

    assert (found.mean, found.n) == (2.5, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_value_has_no_mean() -> None:
    assert math.isnan(stats.mean_interval([]).mean)


def test_an_infinite_value_is_kept_in_the_mean_and_takes_the_bounds() -> None:
    found = stats.mean_interval([1.0, math.inf, 3.0])

    assert found.mean == math.inf
    assert math.isnan(found.high)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert stats.mean_interval([0.1] * 7) == (0.1, 0.1, 0.1, 7)


def test_an_interval_is_the_same_each_time_and_other_with_another_seed() -> None:
    values = list(np.random.default_rng(1).normal(size=12))

    assert stats.mean_interval(values) == stats.mean_interval(values)
    assert stats.mean_interval(values, seed=1) != stats.mean_interval(values)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """The percentile bootstrap is known to be narrow for few values: 20 give some 93 %."""
    values = np.random.default_rng(2).normal(size=(1000, 20))

    found = stats.mean_intervals(values.ravel(), np.repeat(np.arange(1000), 20), 1000)

    assert 0.90 < ((found.low < 0) & (found.high > 0)).mean() < 0.96


@given(GROUPS)
@settings(deadline=None, max_examples=60)
def test_many_groups_at_once_are_the_same_as_one_by_one(groups: list[list[float]]) -> None:
    found = stats.mean_intervals(*flat(groups), len(groups))

    alone = [stats.mean_interval(group) for group in groups]
    for name in ("mean", "low", "high", "n"):
        expected = [getattr(one, name) for one in alone]
        np.testing.assert_array_equal(getattr(found, name), expected)


@pytest.mark.parametrize("size", [64, 65, 300])
def test_large_groups_are_resampled_alike(size: int) -> None:
    values = np.random.default_rng(3).normal(size=2 * size)
    group = np.arange(2 * size) % 2

    found = stats.mean_intervals(values, group, 2)

    one = stats.mean_interval(values[1::2])
    assert (found.mean[1], found.low[1], found.high[1]) == one[:3]
    assert one.low < one.mean < one.high


@given(st.lists(NUMBERS, min_size=2, max_size=8), st.permutations(range(8)))
@settings(deadline=None, max_examples=60)
def test_bounds_stay_within_the_values(values: list[float], order: list[int]) -> None:
    found = stats.mean_interval([values[k] for k in order if k < len(values)])

    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


def test_a_paired_test_worked_by_hand() -> None:
    """d = 1, 2, 3: mean 2, sd 1, t = 2 sqrt 3 = 3.464 with 2 degrees: p = 1 - t/sqrt(t^2+2)."""
    found = stats.paired([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])

    assert (found.n, found.difference) == (3, 2.0)
    assert found.p == pytest.approx(1 - math.sqrt(12 / 14))
    assert found.low == pytest.approx(2 - 4.302652729911275 / math.sqrt(3))


def test_a_paired_test_agrees_with_scipy() -> None:
    from scipy.stats import ttest_rel

    a, b = np.random.default_rng(4).normal(size=(2, 9))
    theirs = ttest_rel(a, b)

    found = stats.paired(a, b)

    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval()))


@given(GROUPS)
@settings(deadline=None, max_examples=40)
def test_many_paired_tests_at_once_are_the_same_as_one_by_one(groups: list[list[float]]) -> None:
    values, group = flat(groups)

    found = stats.paired_groups(values, [0.0] * len(values), group, len(groups))

    alone = [stats.paired(group, [0.0] * len(group)) for group in groups]
    assert repr(found) == repr(alone)


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0, 2.0], [1.0, math.inf]])
def test_without_spread_there_is_no_test(values: list[float]) -> None:
    found = stats.paired(values, [0.0] * len(values))

    assert found.p is None
    assert found.needed is None


def test_rounding_is_no_spread() -> None:
    """One answer more of 360 at every seed: as floats the differences are not quite the same."""
    right = np.random.default_rng(0).integers(200, 350, size=(500, 3))

    found = [stats.paired((k + 1) / 360, k / 360) for k in right]

    assert {test.p for test in found} == {None}
    assert all(test.low == test.difference == test.high for test in found)


def test_a_spread_far_above_rounding_is_one() -> None:
    found = stats.paired([1.0, 1.0 + 1e-12, 1.0 - 1e-12], [0.0, 0.0, 0.0])

    assert found.p is not None
    assert found.p < 1e-20


@pytest.mark.parametrize(
    ("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10), (2.0, 5)]
)
def test_seeds_needed_are_those_of_power_tables(effect: float, pairs: int) -> None:
    """Cohen's effects at 5 %, two-sided, power 0.8, as G*Power gives them for a paired t test."""
    assert stats.seeds_needed(np.array([effect]))[0] == pairs


def test_seeds_needed_are_the_fewest_that_do() -> None:
    effects = np.geomspace(0.03, 12, 400)
    needed = stats.seeds_needed(effects)

    enough, fewer = (stats._power(effects, needed - k) for k in (0, 1))

    assert (enough >= stats.POWER).all()
    assert (fewer[needed > 2] < stats.POWER).all()
    assert (np.diff(needed) <= 0).all()


def test_no_effect_needs_no_number_of_seeds() -> None:
    assert np.isnan(stats.seeds_needed(np.array([0.0, math.nan, math.inf]))).all()


def test_hardly_any_effect_needs_very_many() -> None:
    assert stats.seeds_needed(np.array([1e-4]))[0] == pytest.approx(7.849e8, rel=1e-3)


def test_huge_numbers_give_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert stats.mean_interval([1.7e308, -1.7e308, 1.7e308]).n == 3
        assert stats.paired([1.7e308, 1.0], [-1.7e308, 0.0]).n == 2

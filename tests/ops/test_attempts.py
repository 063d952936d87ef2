"""What several attempts are worth, worked by hand or against enumeration."""

from __future__ import annotations

from itertools import combinations

import pytest
from scipy.stats import binomtest

from iterun.ops.attempts import mean_pass_at_k, pass_at_k, wilson, within


@pytest.mark.parametrize(
    ("n", "right", "k"), [(5, 2, 3), (6, 1, 1), (4, 0, 2), (4, 4, 1), (5, 3, 4)]
)
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n, right, k):
    subsets = list(combinations([True] * right + [False] * (n - right), k))

    assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, subsets)) / len(subsets))


def test_pass_at_k_never_falls_and_ends_at_whether_any_was_right():
    attempts = [[True, False, False], [False] * 3, [False, True, True]]

    found = [mean_pass_at_k(attempts, k) for k in (1, 2, 3)]

    assert found == sorted(found)
    assert found[0] == pytest.approx(3 / 9)
    assert found[-1] == pytest.approx(2 / 3)


def test_pass_at_more_than_there_are_is_refused():
    with pytest.raises(ValueError, match="pass@4 of 1"):
        pass_at_k(3, 1, 4)


@pytest.mark.parametrize(("p", "k", "wanted"), [(0.5, 2, 0.75), (1.0, 3, 1.0), (0.0, 9, 0.0)])
def test_chance_within_tries(p, k, wanted):
    assert within(p, k) == pytest.approx(wanted)


def test_chance_keeps_what_is_small():
    assert within(1e-18, 10) == pytest.approx(1e-17)


@pytest.mark.parametrize(("k", "n"), [(0, 8), (3, 8), (8, 8), (16, 100)])
def test_wilson_is_scipys(k, n):
    known = binomtest(k, n).proportion_ci(method="wilson")

    assert wilson(k, n) == pytest.approx((known.low, known.high), abs=1e-12)
    assert (wilson(0, n)[0], wilson(n, n)[1]) == (0, 1)

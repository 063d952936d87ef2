"""What two runs differ in, worked out from what they recorded."""

import math

import pytest

from iterun.analysis.differences import Change, course
from iterun.store.schema import Iteration


def lines(*values: float | None, **more: float) -> list[Iteration]:
    """Iterations 0, 1, … of one metric."""
    return [
        Iteration(i=i, time=1.0 * i, seconds=0.5 * i, metrics={} if x is None else {"ppl": x})
        for i, x in enumerate(values)
    ]


def test_the_same_numbers_are_equal_whatever_they_took() -> None:
    a, b = lines(3.0, 2.0, math.nan), lines(3.0, 2.0, math.nan)
    b[1].seconds, b[1].cost = 99.0, {"ms": 1.0}

    found = course(a, b)

    assert found.is_equal
    assert found.common == 3


def test_the_last_bit_counts() -> None:
    found = course(lines(3.0, 0.3), lines(3.0, 0.1 + 0.2))

    assert found.first is not None
    assert (found.first.i, found.first.name) == (1, "ppl")
    assert not found.is_equal


def test_the_largest_difference_is_relative() -> None:
    """1 of 100 is less than 0.1 of 2."""
    found = course(lines(100.0, 2.0), lines(101.0, 2.1))

    assert found.largest is not None
    assert found.largest.i == 1
    assert found.largest.relative == pytest.approx(0.05)
    assert found.n_different == 2


def test_a_metric_that_one_lacks_differs() -> None:
    found = course(lines(3.0), lines(None))

    assert found.first is not None
    assert (found.first.was, found.first.now) == (3.0, None)
    assert found.largest is None


def test_a_longer_run_is_not_equal_but_has_no_first_difference() -> None:
    found = course(lines(3.0, 2.0), lines(3.0, 2.0, 1.0))

    assert found.first is None
    assert (found.common, found.only_a, found.only_b) == (2, 0, 1)
    assert not found.is_equal


def test_what_a_run_does_not_have_is_not_null() -> None:
    from iterun.analysis.differences import ABSENT

    assert Change("lr", None, ABSENT).to_json() == {"a": None}

"""Ticks at round numbers, labelled with as many digits as they need."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.cli.ticks import labels, linear, logarithmic

INF = float("inf")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 60.0, ["0", "20", "40", "60"]),
        (0.21, 0.93, ["0.4", "0.6", "0.8"]),
        (-1.0, 1.0, ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
        (2e6, 9e6, ["2e6", "4e6", "6e6", "8e6"]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[str]) -> None:
    assert labels(linear(low, high, 5)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.0, 1000.0, ["1", "10", "100", "1000"]),
        (3.0, 70.0, ["5", "10", "20", "50"]),
        (1e-6, 1e9, ["1e-6", "0.001", "1", "1000", "1e6", "1e9"]),
        (21.0, 29.0, ["22", "24", "26", "28"]),
    ],
)
def test_logarithmic_ticks_are_powers_of_ten_where_they_suffice(
    low: float, high: float, expected: list[str]
) -> None:
    assert labels(logarithmic(low, high, 6)) == expected


@given(st.floats(-1e300, 1e300), st.floats(1e-12, 1e300), st.integers(2, 20))
def test_ticks_stay_in_the_range_and_are_not_too_many(low: float, span: float, most: int) -> None:
    high = low + span

    found = linear(low, high, most)

    assert 1 <= len(found) <= most
    slack = 1e-6 * (high - low)
    assert all(low - slack <= x <= high + slack for x in found)


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (0.0, INF), (5e-324, 1e-323)])
def test_a_range_that_can_not_be_divided_has_a_tick(low: float, high: float) -> None:
    assert linear(low, high, 5)

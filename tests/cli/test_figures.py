"""Numbers are short, comparable, and not changed in meaning."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.cli import figures
from iterun.cli.series import Series
from iterun.cli.spark import bar, sparkline


@pytest.mark.parametrize(
    ("x", "shown"),
    [(34.12345, "34.12"), (0.5, "0.5"), (3.0, "3"), (12288.0, "12288"), (1.5e-7, "1.5e-07"),
     (math.nan, "NaN"), (-math.inf, "-Infinity"), (True, "true"), (None, "null"),
     ([1, 0.5], "[1,0.5]"), (1234567.8, "1234568"), ("a\x1b", "a\\x1b")],
)  # fmt: skip
def test_values_have_four_digits(x: object, shown: str) -> None:
    assert figures.value(x) == shown


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_setting_keeps_all_its_digits(x: float) -> None:
    assert float(figures.setting(x)) == x


def test_a_column_has_the_same_decimals_everywhere() -> None:
    assert figures.column([110.693, 32.181, None, 32.5]) == ["110.69", "32.18", "", "32.50"]
    assert figures.column([0.5, 0.5]) == ["0.5", "0.5"]
    assert figures.column([1, 4096]) == ["1", "4096"]


def test_a_column_of_all_magnitudes_hides_none() -> None:
    assert figures.column([1e-9, 1.0, math.nan]) == ["1e-09", "1", "NaN"]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.041, "0.04 s"), (12.34, "12.3 s"), (125, "2m05s"), (3725, "1h02m"), (273600, "3d04h"),
     (9.999, "10.0 s"), (math.inf, "?")],
)  # fmt: skip
def test_durations(seconds: float, shown: str) -> None:
    assert figures.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (86400, "24h"), (3e5, "3d"), (1e9, "31y")],
)
def test_ages(seconds: float, shown: str) -> None:
    assert figures.age(seconds) == shown


def test_sizes() -> None:
    assert [figures.size(n) for n in (812, 1234, 999_600, 53e9)] == [
        "812 B",
        "1.2 kB",
        "1.0 MB",
        "53 GB",
    ]


@given(st.lists(st.floats(), min_size=1, max_size=200), st.integers(1, 40))
def test_a_sparkline_is_never_wider_than_asked(values: list[float], cells: int) -> None:
    assert len(sparkline(values, cells)) == min(len(values), cells)


def test_a_sparkline_shows_what_is_not_finite() -> None:
    assert sparkline([1.0, 2.0, math.nan, 3.0], 10) == "▁▅x█"
    assert sparkline([1.0, 2.0], 10, unicode=False) == "_@"
    assert sparkline([2.0, 2.0], 10) == "▅▅"


@given(st.floats(allow_nan=False), st.integers(0, 60))
def test_a_bar_has_its_width_whatever_the_share(share: float, cells: int) -> None:
    assert len("".join(bar(share, cells))) == cells


@given(st.integers(1, 5000))
def test_a_long_series_stays_short_and_keeps_its_mean(n: int) -> None:
    series = Series()
    for k in range(n):
        series.add(float(k))

    assert len(series.points) <= 512
    assert series.points == sorted(series.points)
    assert series.last == n - 1

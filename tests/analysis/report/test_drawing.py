"""Lines lie where their numbers are."""

from math import inf, nan

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from iterun.analysis.report import drawing

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-200, max_value=1e200)


@given(finite, finite)
def test_ticks_reach_over_the_values(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)

    found = drawing.ticks(low, high, 6)

    assert 1 <= len(found) <= 13
    assert found == sorted(found)
    slack = 1e-6 * (high / 2 - low / 2)
    assert found[0] - slack <= low
    assert found[-1] + slack >= high


@given(positive, positive)
def test_logarithmic_ticks_reach_over_the_values(a: float, b: float) -> None:
    found = drawing.log_ticks(min(a, b), max(a, b))

    assert len(found) <= 16
    assert found[0] <= min(a, b) * (1 + 1e-12)
    assert found[-1] >= max(a, b) * (1 - 1e-12)


def test_ticks_are_round() -> None:
    assert drawing.ticks(21.3, 98.2, 6) == [20.0, 40.0, 60.0, 80.0, 100.0]
    assert drawing.log_ticks(21.3, 98.2) == [20.0, 50.0, 100.0]
    assert drawing.whole_ticks(0, 3) == [0.0, 1.0, 2.0, 3.0]


@example([1.0, 1.0, 0.0, 1.0], 3)
@given(st.lists(st.floats(), max_size=2000), st.integers(2, 200))
def test_thinning_keeps_ends_and_extremes(ys: list[float], most: int) -> None:
    kept = drawing.extremes(ys, most)

    assert len(kept) <= max(most + 2, 2)
    assert kept == sorted(set(kept))
    known = [y for y in ys if abs(y) < inf]
    if known and len(ys) > most:
        assert {min(known), max(known)} <= {ys[k] for k in kept}
        assert {0, len(ys) - 1} <= set(kept)


def test_a_spark_needs_two_finite_values() -> None:
    assert drawing.spark([(0, nan), (1, 2.0)]) is None
    drawn = drawing.spark([(0, 1.0), (1, inf), (2, 3.0)])
    assert drawn is not None
    assert drawn.d == "M3 36L155 4"


@given(st.lists(st.tuples(st.integers(0, 10**9), st.floats()), max_size=50))
def test_any_spark_stays_in_its_frame(points: list[tuple[int, float]]) -> None:
    drawn = drawing.spark(sorted(points, key=lambda point: point[0]))

    for place in drawn.d[1:].split("L") if drawn else ():
        x, y = map(float, place.split())
        assert 0 <= x <= drawing.SPARK[0]
        assert 0 <= y <= drawing.SPARK[1]


@pytest.mark.parametrize("log", [False, True])
def test_a_curve_breaks_where_a_value_is_missing(log: bool) -> None:
    curve = [[0, 1, 2, 3, 4], [1.0, 2.0, None, 4.0, 5.0], [], []]

    (stroke,) = drawing.chart([None, curve], log=log).strokes

    assert (stroke.index, stroke.d.count("M"), stroke.band) == (1, 2, "")


def test_a_band_is_closed_and_a_single_point_is_a_dot() -> None:
    band = [[0, 1], [1.0, 2.0], [0.5, 1.5], [1.5, 2.5]]

    first, second = drawing.chart([band, [[1], [2.0], [], []]], log=False).strokes

    assert first.band.endswith("Z")
    assert (first.dot, second.dot is None) == (None, False)


def test_whiskers_share_a_scale() -> None:
    a, b, none = drawing.whiskers([(1.0, 0.0, 2.0), (3.0, nan, nan), (nan, nan, nan)])

    assert none is None
    assert a is not None
    assert b is not None
    assert a.low is not None
    assert a.low < a.x < b.x
    assert (b.low, b.high) == (None, None)

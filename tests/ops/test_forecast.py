"""The forecast rule on curves whose course is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.ops import forecast
from iterun.ops.forecast import Forecaster, Rule, limit_of, usual_gain


def law(n: int, *, a: float = 0.5, b: float = 1.2, c: float = 0.9, noise: float = 0.0) -> list:
    """c - a i^-b at i = 1 ... n, with noise of a fixed seed."""
    x = np.arange(1, n + 1, dtype=float)
    return list(c - a * x**-b + noise * np.random.default_rng(5).standard_normal(n))


def shown(y: list, rule: Rule | None = None, *, rising: bool = True, horizon: int = 40, **more):
    """A forecaster that saw the values at iterations 1, 2, ..., and where it said to stop first."""
    seen, at = Forecaster(rule or Rule(), rising=rising, **more), None
    for i, value in enumerate(y, 1):
        seen.see(i, float(i), value, horizon)
        at = at or (i if seen.verdict else None)
    return seen, at


def test_a_clean_curve_is_forecast_from_a_third_of_it():
    seen, _ = shown(law(13))

    assert seen.newest.value == pytest.approx(law(40)[-1], abs=1e-5)
    assert seen.newest.law.c == pytest.approx(0.9, abs=1e-4)
    assert seen.newest.gain == pytest.approx(law(40)[-1] - law(13)[-1], abs=1e-5)


def test_it_stops_where_no_more_than_the_gain_is_left():
    """The gain left first falls to 0.02 after iteration 12, and to 0.01 after 18."""
    y = law(40)
    first = [next(i for i in range(1, 40) if y[-1] - y[i - 1] <= gain) for gain in (0.02, 0.01)]

    found = [shown(y, Rule(gain=gain))[1] for gain in (0.02, 0.01)]

    assert found == [i + 2 for i in first]  # three in a row


def test_a_falling_metric_is_the_same_upside_down():
    up, down = law(30, noise=0.002), [1.8 - value for value in law(30, noise=0.002)]

    rising, i = shown(up, top=1.8)
    falling, j = shown(down, rising=False, top=0.0)

    assert (i, rising.newest.gain) == (j, pytest.approx(falling.newest.gain, abs=1e-6))
    assert falling.newest.value == pytest.approx(1.8 - rising.newest.value, abs=1e-6)
    assert falling.newest.low == pytest.approx(1.8 - rising.newest.high, abs=1e-6)


def test_no_stop_before_min_nor_without_confirmation():
    y = law(40, a=0.3, b=3.0)
    early = shown(y)[1]

    assert shown(y, Rule(least=early + 5, confirm=1))[1] == early + 5
    assert shown(y, Rule(confirm=7))[1] == early + 4


def test_a_loss_whose_asymptote_is_at_its_bound_never_stops():
    """0.8 i^-0.5: the best asymptote is 0 itself, the end of a loss's scale."""
    y = [0.8 * i**-0.5 for i in range(1, 31)]

    seen, at = shown(y, Rule(gain=0.05), rising=False, horizon=60)

    assert at is None
    assert seen.newest.law.c == pytest.approx(0.0, abs=1e-8)
    assert seen.newest.provisional


def test_a_target_out_of_reach_is_given_up_and_one_in_reach_is_not():
    y = law(60, a=0.5, b=1.0, noise=0.001)

    out, i = shown(y, Rule(target=0.95), horizon=60)
    reached = shown(y, Rule(target=max(y) - 0.01, confirm=1000), horizon=60)[0]

    assert i is not None
    assert i < 40
    assert out._in_a_row["unreachable"] >= 3
    assert reached._in_a_row["unreachable"] == 0


def test_a_metric_that_goes_back_turns_the_rule_off():
    """It rises for 8 iterations and falls for 14, smoothly: no wandering of noise."""
    y = [0.9 - ((i - 8) / 20) ** 2 for i in range(1, 23)]

    seen, at = shown(y)

    assert at is None
    assert seen.is_misfit
    assert seen.fault.startswith("goes back by more than 3 times")


def test_noise_alone_does_not_turn_the_rule_off():
    assert shown(law(30, noise=0.01))[0].fault is None


@pytest.mark.parametrize("x", [[1, 2, 2], [1, 3, 2], [0, 1, 2], [1, math.nan, 2]])
def test_sizes_that_do_not_grow_turn_the_rule_off(x):
    seen = Forecaster(Rule(), rising=True)

    for i, size in enumerate(x, 1):
        seen.see(i, float(size), 0.1 * i, 40)

    assert "no growing positive number" in seen.fault
    assert seen.see(4, 9.0, 0.4, 40) is None


def test_a_curve_that_does_not_change_has_no_forecast():
    assert shown([0.5] * 12)[0].newest is None


def test_the_horizon_is_reached_at_the_mean_pace_of_the_sizes():
    seen = Forecaster(Rule(), rising=True)
    for i, (words, value) in enumerate(zip((500, 1010, 1490, 2000), law(4), strict=True), 1):
        seen.see(i, float(words), value, 10)

    assert seen.newest.x == pytest.approx(2000 + 6 * 500)


def test_limits_are_those_of_the_scale():
    assert limit_of([0.2, 0.9], rising=True) == 1.0
    assert limit_of([3.0, 0.5], rising=False) == 0.0
    assert limit_of([1.0, 5.0], rising=True) == 45.0
    assert limit_of([-1.0, 3.0], rising=False) == -41.0
    assert limit_of([0.2, 0.9], rising=True, top=0.95) == 0.95


def test_a_value_beyond_the_top_turns_the_rule_off():
    seen = shown(law(20), top=0.8)[0]

    assert seen.fault == "goes beyond its bound, 0.8 (stop.top)"
    assert seen.newest.i == len([y for y in law(20) if y <= 0.8])


def test_the_usual_gain_is_of_a_share_or_of_the_range():
    assert usual_gain([0.2, 0.9]) == 0.005
    assert usual_gain([100.0, 20.0]) == pytest.approx(0.4)


def test_long_curves_are_fitted_when_they_have_grown_by_a_share(monkeypatch):
    """By a tenth: 3 to 10, then 12, 14, ..., 20, 22, 25, ..., 28, 31, 35, 39."""
    monkeypatch.setattr(forecast, "ALL_FITTED", 10)

    seen, _ = shown(law(40))

    found = [level.n for level in seen.levels]
    assert found == [*range(3, 11), 11, 13, 15, 17, 19, 21, 24, 27, 30, 33, 37]
    assert seen.newest.i == 37


@settings(max_examples=12, deadline=None)
@given(
    y=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=14), rising=st.booleans(),
    horizon=st.integers(1, 100),
)  # fmt: skip
def test_any_curve_has_a_finite_forecast_within_its_interval_or_none(y, rising, horizon):
    seen, _ = shown(y, rising=rising, horizon=horizon)

    if (found := seen.newest) is not None:
        assert found.low <= found.value <= found.high
        assert all(map(math.isfinite, (found.value, found.low, found.high, found.gain)))


def test_what_is_said_of_a_prefix_depends_on_nothing_that_comes_later():
    y = law(25, noise=0.002)
    whole = Forecaster(Rule(), rising=True)
    made = [whole.see(i, float(i), value, 40) for i, value in enumerate(y, 1)]

    assert shown(y[:12])[0].newest == made[11]


def test_the_course_begins_and_ends_as_the_forecast_says():
    seen, _ = shown(law(20, noise=0.002))

    y, low, high = seen.course(np.array([20.0, 40.0]))

    assert (y[-1], low[-1], high[-1]) == pytest.approx(
        (seen.newest.value, seen.newest.low, seen.newest.high)
    )

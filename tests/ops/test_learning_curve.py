"""Power laws of learning curves, and what is read off their trace."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.ops.learning_curve import (
    Level,
    PowerLaw,
    _last_crossing,
    _layer,
    _Term,
    extended,
    fit,
    prediction_level,
    working_level,
)
from iterun.ops.power_law import FEWEST, Anchor

CLEAN = [(2, 0.4, 0.97), (5, 0.5, 0.95), (0.9, 0.25, 0.88), (30, 1, 0.8)]
SIZES = 5000.0 * np.arange(1, 61)


def trace(x, y, *, rising=True, limit=1.0, anchor=False):
    """The levels 3 to n."""
    levels = []
    for n in range(FEWEST, len(x) + 1):
        level = extended(levels, x[:n], y[:n], rising=rising, limit=limit, anchor=anchor)
        levels.append(level)
    return levels


def curve(a, b, c, n=60, noise=0.0, seed=0):
    """Sizes and observations."""
    x = SIZES[:n]
    return x, c - a * x**-b + np.random.default_rng(seed).normal(0, 1, 60)[:n] * noise


def levels_of(asymptotes, first=3):
    laws = [PowerLaw(a=1.0, b=0.5, c=c, rising=True) for c in asymptotes]
    return [Level(n=first + k, x=1.0, law=law, layer=None) for k, law in enumerate(laws)]


@pytest.mark.parametrize("truth", CLEAN, ids=str)
@pytest.mark.parametrize("unit", [0.1, 1.0])
def test_eight_clean_points_give_the_law_back(truth, unit):
    a, b, c = truth
    x = SIZES[:8] * unit

    law = fit(x, c - a * x**-b)

    assert law.c == pytest.approx(c, abs=1e-4)
    assert law.b == pytest.approx(b, abs=1e-3)
    assert law.a == pytest.approx(a, rel=1e-2)


@given(
    a=st.floats(0.3, 20),
    b=st.floats(0.1, 2),
    c=st.floats(0.3, 1),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(deadline=None, max_examples=40)
def test_a_falling_law_is_a_rising_one_upside_down_in_any_unit(a, b, c, scale):
    x = np.arange(1.0, 13.0)
    y = (a * x**-b - c) * scale

    law = fit(x, y, rising=False, limit=None)

    assert law.c == pytest.approx(-c * scale, rel=1e-3)
    assert law.b == pytest.approx(b, rel=1e-3)
    np.testing.assert_allclose(law.at(x), y, atol=1e-6 * np.ptp(y))
    turned = fit(x, -y, limit=None)
    assert (turned.a, turned.b, turned.c) == pytest.approx((law.a, law.b, -law.c), rel=1e-9)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=12), st.booleans())
@settings(deadline=None, max_examples=60)
def test_whatever_is_observed_the_law_keeps_its_bounds(y, rising):
    y = np.array(y)
    if np.ptp(y) < 1e-6:
        return

    law = fit(np.arange(1.0, len(y) + 1), y, rising=rising, limit=1.0 if rising else 0.0)

    assert law.a > 0
    assert law.b > 0
    assert law.c <= 1 if rising else law.c >= 0
    assert np.isfinite(law.at(np.array([1.0, 1e9]))).all()


def test_no_other_law_is_nearer_than_the_fitted_one():
    """On a grid around it; c is free below its limit, and at it."""
    for limit in (1.0, 0.9):
        x, y = curve(2, 0.4, 0.97, n=20, noise=0.002)
        law = fit(x, y, limit=limit)
        best = ((law.at(x) - y) ** 2).sum()

        for a in law.a * np.linspace(0.9, 1.1, 11):
            for b in law.b * np.linspace(0.97, 1.03, 11):
                for c in min(limit, law.c) - np.linspace(0, 0.02, 11):
                    assert ((c - a * x**-b - y) ** 2).sum() >= best - 1e-12


def test_an_asymptote_beyond_the_scale_is_exactly_at_its_limit():
    x = np.arange(1.0, 21.0)

    *_, last = trace(x, 0.2 * np.log(x) + 0.1, limit=1.0)

    assert last.law.c == 1.0
    assert last.at_limit(1.0)
    assert not last.at_limit(None)


def test_a_law_tells_where_it_reaches_a_value():
    """.9 - x^-.5 = .8 at x = 100."""
    law = PowerLaw(a=1.0, b=0.5, c=0.9, rising=True)

    assert law.reaches(0.8) == pytest.approx(100)
    assert law.reaches(0.9) is None
    assert PowerLaw(a=1.0, b=0.5, c=-0.9, rising=False).reaches(-0.8) == pytest.approx(100)
    assert PowerLaw(a=1.0, b=1e-3, c=0.9, rising=True).reaches(0.8) is None  # no finite number


@pytest.mark.parametrize("noise", [0.0005, 0.002])
def test_a_forecast_from_a_third_is_within_six_sigma(noise):
    """Measured: 0.9 sigma in the mean over eight seeds, both."""
    errors = []
    for seed in range(8):
        x, y = curve(2, 0.4, 0.97, n=20, noise=noise, seed=seed)
        errors.append(abs(fit(x, y).at(SIZES[-1]) - (0.97 - 2 * SIZES[-1] ** -0.4)))

    assert np.mean(errors) < 6 * noise


def test_the_layer_bounds_the_distance_to_the_asymptote_and_falls():
    x, y = curve(2, 0.4, 0.97, noise=1e-4)

    layers = [(level.layer, abs(level.law.c - 0.97)) for level in trace(x, y)[1:]]

    assert np.mean([layer >= off for layer, off in layers]) >= 0.9
    assert layers[-1][0] < layers[0][0] / 2


@pytest.mark.parametrize("seed", range(3))
def test_a_slow_curve_does_not_converge_within_sixty_levels(seed):
    x, y = curve(0.9, 0.25, 0.88, noise=0.0005, seed=seed)

    assert min(level.layer for level in trace(x, y)[1:]) > 0.03


def test_the_layer_is_read_at_the_last_crossing():
    """.9 - 1 x^-.5 and .8 - .3 x^-.5 cross where .7 x^-.5 = .1: at 49, .9 - A = 1 / 7."""
    law = PowerLaw(a=1.0, b=0.5, c=0.9, rising=True)
    before = PowerLaw(a=0.3, b=0.5, c=0.8, rising=True)

    assert _layer(law, before, x_0=4.0, x=16.0) == pytest.approx(1 / 7)
    assert _layer(law, before, x_0=4.0, x=100.0) == pytest.approx(1 / 10)  # none to the right
    falling = [PowerLaw(a=one.a, b=one.b, c=-one.c, rising=False) for one in (law, before)]
    assert _layer(*falling, x_0=4.0, x=16.0) == pytest.approx(1 / 7)


@given(
    one=st.tuples(st.floats(0.1, 5), st.floats(0.1, 2)),
    other=st.tuples(st.floats(0.1, 5), st.floats(0.1, 2)),
    apart=st.one_of(st.just(0.0), st.floats(-0.2, 0.2)),
)
@settings(deadline=None, max_examples=200)
def test_right_of_the_last_crossing_laws_keep_their_order(one, other, apart):
    one, other = _Term(*one), _Term(*other)

    q = _last_crossing(one, other, apart)

    gaps = [one.at(t) - other.at(t) + apart for t in q + np.linspace(0, 30, 400)]
    assert q == 0 or abs(gaps[0]) < 1e-8
    assert not (min(gaps) < -1e-8 and max(gaps) > 1e-8)


def test_a_trace_is_its_levels_one_by_one():
    x, y = curve(2, 0.4, 0.97, n=9, noise=0.002)

    whole = trace(x, y)

    assert [level.n for level in whole] == [3, 4, 5, 6, 7, 8, 9]
    assert whole[0].layer is None
    levels = []
    for n in range(3, 10):
        levels.append(extended(levels, x[:n], y[:n]))
    assert levels == whole
    assert trace(x[:2], y[:2]) == []


def test_an_anchor_holds_the_asymptote_to_the_last_one():
    x, y = curve(2, 0.4, 0.97, n=12, noise=0.004)
    free = fit(x, y, limit=None)
    held = fit(x, y, limit=None, anchor=Anchor(0.6, 1.0))
    lightly = fit(x, y, limit=None, anchor=Anchor(0.6, 0.001))

    assert abs(held.c - 0.6) < abs(lightly.c - 0.6) < abs(free.c - 0.6)
    assert fit(x, y, limit=None, anchor=Anchor(0.6, 0.0)).c == pytest.approx(free.c, abs=1e-6)


def test_anchored_traces_change_less_from_level_to_level():
    moved = {False: 0.0, True: 0.0}

    for seed in range(5):
        x, y = curve(2, 0.4, 0.97, n=20, noise=0.004, seed=seed)
        for anchor in moved:
            levels = trace(x, y, limit=None, anchor=anchor)
            moved[anchor] += sum(abs(b.law.c - a.law.c) for a, b in pairwise(levels))

    assert moved[True] < moved[False]


def test_the_working_level_is_where_asymptotes_begin_to_keep_still():
    """Changes .3, .01, .05, .01, .01, .0: three in a row from the fifth level, n = 7, on."""
    levels = levels_of([0.5, 0.8, 0.81, 0.86, 0.87, 0.88, 0.88])

    assert working_level(levels, nu=0.02, lookahead=3) == 7
    assert working_level(levels, nu=0.02, lookahead=1) == 5
    assert working_level(levels, nu=0.02, lookahead=4) is None


def test_the_working_level_is_one_of_the_levels_where_some_are_missing():
    """Every second number from 200 on: changes .3, .0, .0, .0, .0 begin to be small at 204."""
    levels = [replace(one, n=200 + 2 * k) for k, one in enumerate(levels_of([0.5, *[0.8] * 5]))]

    assert working_level(levels, nu=0.02, lookahead=4) == 204


def test_the_prediction_level_waits_until_the_asymptote_leaves_its_limit():
    levels = levels_of([1.0, 1.0, 1.0, 1.0, 0.99, 0.98])

    assert working_level(levels, nu=0.02, lookahead=2) == 4
    assert prediction_level(levels, nu=0.02, lookahead=2, limit=1.0) == 7
    assert prediction_level(levels[:4], nu=0.02, lookahead=2, limit=1.0) is None
    assert prediction_level(levels, nu=0.02, lookahead=2, limit=None) == 4


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        ([1, 2], [0.1, 0.2], "takes 3 observations or more, not 2"),
        ([1, 2, 3], [0.1, np.nan, 0.2], "not a finite number"),
        ([1, np.inf, 3], [0.1, 0.2, 0.3], "not a finite number"),
        ([0, 1, 2], [0.1, 0.2, 0.3], "positive and increasing"),
        ([1, 3, 3], [0.1, 0.2, 0.3], "positive and increasing"),
        ([1, 2, 3], [0.5, 0.5, 0.5], "all observations are 0.5"),
        ([1, 2, 3], [0.5, 0.6], "two lists of one length"),
    ],
)
def test_what_no_law_fits_is_refused(x, y, why):
    with pytest.raises(ValueError, match=why):
        fit(x, y)

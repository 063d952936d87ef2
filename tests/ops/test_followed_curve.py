"""A curve while it grows: what is known at each level, and what was decided."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.ops.followed_curve import FollowedCurve, decisions, ordered_pairs
from iterun.ops.learning_curve_figures import learners_figure, trace_figure

X = [500.0 * k for k in range(1, 13)]


def followed(a=5.0, b=0.5, c=0.95, n=12, noise=0.0, folds=1, anchor=False, tau=0.03):
    curve = FollowedCurve(x=X, nu=0.02, lookahead=5, tau=tau, anchor=anchor)
    draw = np.random.default_rng(0)
    for x in X[:n]:
        curve.observe([c - a * x**-b + noise * draw.normal() for _ in range(folds)])
    return curve


def test_what_is_not_known_yet_is_left_out():
    assert set(followed(n=1).metrics(None)) == {"accuracy"}
    assert set(followed(n=3).metrics(None)) == {"accuracy", "a", "b", "c", "forecast_full"}
    fourth = set(followed(n=4).metrics(None)) - set(followed(n=3).metrics(None))
    assert fourth == {"pe", "mape", "layer", "converged"}
    known = set(followed().metrics(None)) - set(followed(n=4).metrics(None))
    assert known == {"working_level", "prediction_level"}


def test_a_clean_curve_is_foretold():
    found = followed(n=9).metrics(target=0.9)

    assert found["forecast_full"] == pytest.approx(0.95 - 5 * X[-1] ** -0.5, abs=1e-6)
    assert found["words_needed"] == pytest.approx(10_000, rel=1e-3)  # 5 x^-.5 = .05
    assert found["mape"] < 1e-3
    assert found["working_level"] == found["prediction_level"] == 4
    assert "words_needed" not in followed().metrics(target=0.96)


def test_the_error_is_that_of_the_forecast_before():
    curve = followed(n=4, noise=0.01)
    foretold = curve.levels[-1].law.at(X[4])

    curve.observe([0.5])

    found = curve.metrics(None)
    assert found["pe"] == pytest.approx(100 * (foretold - 0.5) / 0.5)
    assert found["mape"] == pytest.approx(np.mean(np.abs(curve.pe)))
    assert len(curve.pe) == 2


def test_folds_are_averaged_before_anything_is_fitted():
    curve = followed(noise=0.01, folds=3)

    found = curve.metrics(None)
    assert found["accuracy"] == pytest.approx(np.mean(curve.by_fold[-1]))
    assert found["accuracy_std"] == pytest.approx(np.std(curve.by_fold[-1], ddof=1))
    alone = FollowedCurve(x=X, nu=0.02, lookahead=5, tau=0.03, anchor=False)
    for y in curve.y:
        alone.observe([y])
    assert alone.levels == curve.levels


def test_an_anchor_changes_every_trend_but_the_first():
    free, held = followed(noise=0.01), followed(noise=0.01, anchor=True)

    pairs = list(zip(free.levels, held.levels, strict=True))
    assert pairs[0][0] == pairs[0][1]
    assert all(a.law != b.law for a, b in pairs[1:])


def test_convergence_is_the_first_thin_layer_from_the_prediction_level_on():
    curve = followed(noise=0.0005)
    first, layers = curve.prediction_level, {one.n: one.layer for one in curve.levels[1:]}

    curve.tau = sorted(layer for n, layer in layers.items() if n >= first)[1]

    level = curve.convergence_level
    assert level == min(n for n, layer in layers.items() if n >= first and layer <= curve.tau)
    assert curve.metrics(None)["converged"] == (layers[12] <= curve.tau)
    assert followed(a=0.9, b=0.25, c=0.88).convergence_level is None


def test_nothing_converges_before_the_prediction_level():
    curve = followed(n=5, noise=0.0005, tau=0.9)

    assert curve.levels[-1].layer < 0.9
    assert curve.prediction_level is None
    assert curve.convergence_level is None
    assert curve.metrics(None)["converged"] == 0


def test_constant_observations_get_no_law_and_a_sentence():
    curve = FollowedCurve(x=X, nu=0.02, lookahead=5, tau=0.03, anchor=False)

    for _ in range(4):
        curve.observe([0.5])

    assert curve.refused == "all observations are 0.5: a power law changes"
    assert set(curve.metrics(None)) == {"accuracy"}
    curve.observe([0.6])
    assert curve.refused is None


def test_learners_are_ranked_by_the_forecast_from_half():
    curves = {"slow": followed(c=0.9), "good": followed(c=0.95), "equal": followed(c=0.945)}

    rows = decisions(curves)

    assert [row.learner for row in rows] == ["good", "equal", "slow"]
    assert [(row.rank, row.final_rank, row.levels) for row in rows] == [
        (1, 1, 6),
        (2, 2, 6),
        (3, 3, 6),
    ]
    assert all(abs(row.error) < 1e-6 and abs(row.error_third) < 1e-6 for row in rows)
    assert ordered_pairs(rows) == (2, 2)  # good and equal differ by less than .01


def test_a_run_cut_short_is_forecast_from_what_there_is():
    (row,) = decisions({"perceptron": followed(n=5)})

    assert (row.levels, row.final, row.error, row.error_third) == (5, None, None, None)
    assert row.forecast == pytest.approx(0.95 - 5 * X[-1] ** -0.5, abs=1e-6)
    assert ordered_pairs([row]) == (0, 0)
    assert decisions({"perceptron": followed(n=2)}) == []


def test_the_picture_has_observations_trends_forecast_and_layer():
    curve = followed(noise=0.004, folds=3)

    (axes,) = trace_figure(curve, 6, "words").axes

    assert len(axes.lines) == len(curve.levels) + 1 + 1
    assert len(axes.collections) == 2  # the layer, and the error bars
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[0] == "trends of all levels"
    assert "forecast from 6 levels" in labels
    assert "observed, with the spread of folds" in labels


def test_a_picture_of_two_levels_has_observations_alone():
    (axes,) = trace_figure(followed(n=2), 2, "words").axes

    assert [line.get_label() for line in axes.lines] == ["observed"]


def test_every_learner_is_drawn_with_its_forecast():
    (axes,) = learners_figure({"a": followed(), "b": followed(c=0.9)}, 6, "words").axes

    own = [line for line in axes.lines if len(line.get_xdata())]
    assert len(own) == 4
    assert min(own[1].get_xdata()) == X[5]

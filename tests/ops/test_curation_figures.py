"""Panels of generations."""

from __future__ import annotations

import numpy as np

from iterun.ops.curation_figures import points_by_round, shares_by_round

CENTERS = np.array([[2.0, 0.0], [-2.0, 0.0]])


def test_of_many_generations_the_first_the_last_and_some_between_are_drawn():
    generations = [np.full((3, 2), float(i)) for i in range(16)]

    figure = points_by_round({"curated": generations, "mixed": generations}, CENTERS, 0)

    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:8] == [f"round {i}" for i in (0, 2, 4, 6, 9, 11, 13, 15)]
    assert titles[8:] == [""] * 8
    points, crosses, ring = figure.axes[15].lines
    assert points.get_xdata().tolist() == [15.0] * 3
    assert crosses.get_xdata().tolist() == [2.0, -2.0]
    assert ring.get_xdata().tolist() == [2.0]


def test_few_generations_have_a_panel_each():
    figure = points_by_round({"curated": [np.zeros((1, 2))] * 3}, CENTERS, 1)

    assert [axes.get_title() for axes in figure.axes] == ["round 0", "round 1", "round 2"]


def test_every_state_has_a_line_in_every_panel():
    shares = np.array([[0.5, 0.5], [0.2, 0.8]])

    figure = shares_by_round({"curated": shares, "K = ∞": shares[::-1]}, ["r = 0", "r = 1"])

    assert [axes.get_title() for axes in figure.axes] == ["curated", "K = ∞"]
    lines = [line.get_ydata().tolist() for axes in figure.axes for line in axes.lines]
    assert lines == [[0.5, 0.2], [0.5, 0.8], [0.2, 0.5], [0.8, 0.5]]

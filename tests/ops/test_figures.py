"""Pictures hold what they were given; figures are read back, not looked at."""

from __future__ import annotations

import math

import numpy as np

from iterun.ops.figures import (
    accuracy_by_density,
    layer_sparsity,
    mask_tiles,
    perplexity_curve,
)

ROWS = [
    {"block": b, "kind": kind, "sparsity": 0.1 * b + (0.05 if kind == "fc1" else 0)}
    for b in range(3)
    for kind in ("q_proj", "fc1")
]


def test_every_matrix_has_its_point():
    axes = layer_sparsity(ROWS).axes[0]

    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}

    assert drawn == {
        kind: [row["sparsity"] for row in ROWS if row["kind"] == kind] for kind in ("q_proj", "fc1")
    }


def test_a_run_without_rows_gives_an_empty_picture():
    assert not layer_sparsity([]).axes[0].lines


def test_the_curve_leaves_out_what_is_not_finite_and_names_its_levels():
    figure = perplexity_curve([(0, 90.0), (1, math.inf), (2, 70.0)], {"dense": 60.0})

    axes = figure.axes[0]

    assert list(axes.lines[0].get_xdata()) == [0, 2]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["this run", "dense 60"]
    assert axes.get_yscale() == "log"


def test_every_arm_has_its_curve_over_the_share_kept_and_sparse_is_on_the_right():
    curves = {"own": [(1.0, 0.9), (0.8, 0.8)], "random mask": [(0.8, 0.5)]}

    axes = accuracy_by_density(curves, dense=0.9).axes[0]

    drawn = {line.get_label(): list(line.get_xydata()[:, 1]) for line in axes.lines}
    assert drawn == {"own": [0.9, 0.8], "random mask": [0.5], "dense 0.9": [0.9, 0.9]}
    assert axes.get_xscale() == "log"
    assert axes.xaxis.get_inverted()


def test_a_tile_of_a_linear_layer_is_laid_out_like_the_picture():
    """Two units over pictures of 2x2: frames of one pixel around two tiles side by side."""
    mask = np.array([[True, False, False, False], [False, False, False, True]])

    picture = mask_tiles(mask, (1, 2, 2))

    scale = picture.shape[1] // 7
    small = picture[::scale, ::scale, 0]
    assert small.shape == (4, 7)
    assert (small[1:3, 1:3] == [[1, 0], [0, 0]]).all()
    assert (small[1:3, 4:6] == [[0, 0], [0, 1]]).all()


def test_three_channels_are_the_colors_of_a_tile():
    mask = np.zeros((1, 3, 1, 1), dtype=bool)
    mask[0, 2] = True

    picture = mask_tiles(mask, (3, 32, 32))

    assert picture[picture.shape[0] // 2, picture.shape[1] // 2].tolist() == [0, 0, 1]

"""Pictures hold what they were given; figures are read back, not looked at."""

from __future__ import annotations

import math

from iterun.ops.figures import layer_sparsity, perplexity_curve

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

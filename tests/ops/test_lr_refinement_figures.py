"""Pictures of schedules hold what they were given."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.ops.lr_refinement import refine
from iterun.ops.lr_refinement_figures import loss_by_rate, norms_and_schedules


def test_norms_filtered_norms_and_schedules_stand_side_by_side():
    found = refine(np.linspace(1, 2, 50))

    figure = norms_and_schedules(found, {"linear": np.ones(50), "refined": found.multipliers})

    norms, smooth, schedules = figure.axes
    assert norms.lines[0].get_ydata() == pytest.approx(found.norms)
    assert smooth.lines[0].get_ydata() == pytest.approx(found.filtered)
    assert [text.get_text() for text in schedules.get_legend().get_texts()] == ["linear", "refined"]
    assert norms.get_yscale() == "linear"


def test_norms_of_several_orders_of_magnitude_are_logarithmic_and_long_ones_thinned():
    norms = np.geomspace(1, 1e-3, 9000)

    axes = norms_and_schedules(
        refine(norms), {"flat": np.ones(9000)}, unit="iteration", first=1
    ).axes[0]

    assert axes.get_yscale() == "log"
    assert axes.get_xlabel() == "iteration"
    x, y = axes.lines[0].get_data()
    assert (len(x), x[0], x[-1]) == (2000, 1, 9000)
    assert (y[0], y[-1]) == (norms[0], norms[-1])


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.31, 0.33), (0.9, 1.1), (0.21, 0.47), (0.3, 2.9), (2.0, 2.0), (0.1, 40.0), (1e-6, 1e4),
     (2.300001, 2.300002), (1234.5, 1234.9)],
)  # fmt: skip
def test_three_losses_or_more_are_labelled_whatever_the_range(low, high):
    figure = loss_by_rate({"linear": [(0.1, low), (1.0, high)]}, "loss")
    figure.draw_without_rendering()

    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        bottom, top = axis.get_view_interval()
        ticks = [tick for tick in axis.get_major_ticks() if bottom <= tick.get_loc() <= top]
        texts = [tick.label1.get_text() for tick in ticks]
        assert len(set(texts)) == len(texts) >= 3


def test_losses_that_are_not_finite_are_left_out():
    figure = loss_by_rate({"linear": [(0.1, 2.0), (1.0, float("inf"))]}, "loss")

    assert figure.axes[0].lines[0].get_xdata() == pytest.approx([0.1])

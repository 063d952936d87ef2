"""Pictures of structured pruning hold what they were given."""

from __future__ import annotations

import math

import numpy as np

from iterun.ops.figures import kept_units, pruning_curve

RATIOS = [(0, 0.0, 0.0, 0.0), (1, 0.3, 0.25, 0.3), (2, 0.5, 0.5, 0.5)]


def test_the_curve_stands_above_the_shares_pruned():
    above, below = pruning_curve([(0, 90.0), (2, math.inf)], {"dense": 60.0}, RATIOS).axes

    drawn = {line.get_label(): list(line.get_ydata()) for line in below.lines}

    assert drawn == {"asked for": [0, 0.3, 0.5], "heads": [0, 0.25, 0.5], "channels": [0, 0.3, 0.5]}
    assert all(list(line.get_xdata()) == [0, 1, 2] for line in below.lines)
    assert [line.get_label() for line in above.lines] == ["this run", "dense 60"]
    assert list(above.lines[0].get_xdata()) == [0]
    assert above.get_yscale() == "log"


def test_every_unit_is_a_cell_and_blocks_that_are_not_named_are_whole():
    kept = {"0.heads": np.array([True, False]), "0.channels": np.array([True, False, True])}

    left, right = kept_units(kept, 2).axes

    assert left.images[0].get_array().tolist() == [[1, 0], [1, 1]]
    assert right.images[0].get_array().tolist() == [[1, 0, 1], [1, 1, 1]]

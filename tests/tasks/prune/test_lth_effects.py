"""The paper's claims over three seeds, in whole default runs. All slow.

Digits are easy: rewinding to step 0 may do as well there, and no gap between the two is claimed.
"""

from __future__ import annotations

from statistics import fmean

import pytest

from iterun.config.compose import compose, to_plain
from iterun.launch.local import launch
from iterun.store.reader import RunView

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]  # three whole runs
SEEDS = (0, 1, 2)
LAST = 15


@pytest.fixture(scope="module")
def levels(tmp_path_factory):
    """The metrics of every level, seed by seed."""
    found = []
    for seed in SEEDS:
        directory = tmp_path_factory.mktemp("effect") / "run"
        words = ["task=prune/lth", "backend=cpu", "backend.threads=1", f"seed={seed}"]
        place = {"directory": directory, "outputs": directory.parent}
        launch(to_plain(compose(words)), argv=[], listener=lambda event: None, **place)
        found.append([line.metrics for line in RunView(directory).iterations()])
    return found


def mean(levels, name: str, level: int = LAST) -> float:
    return fmean(seed[level][name] for seed in levels)


def test_rewinding_to_an_early_step_is_no_worse_than_to_initialization(levels):
    assert mean(levels, "acc") >= mean(levels, "acc_k0") - 0.005


@pytest.mark.parametrize("control", ["acc_random_mask", "acc_reinit"])
def test_tickets_train_where_random_masks_and_new_weights_do_not(control, levels):
    assert mean(levels, "acc") > mean(levels, control)


def test_rewound_networks_end_nearer_to_the_full_one(levels):
    assert mean(levels, "l2_prune") < mean(levels, "l2_prune_k0")


def test_two_orders_end_linearly_connected(levels):
    """By the follow-up's threshold of 2 points."""
    assert max(mean(levels, "barrier", level) for level in range(LAST + 1)) < 0.02

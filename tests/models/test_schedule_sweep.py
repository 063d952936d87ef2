"""Comparisons of schedules: which rate was best, and what a fork may change of what is done."""

from __future__ import annotations

import numpy as np
import pytest

from iterun.errors import ConfigError
from iterun.models.schedule_past import check_plan, check_settings
from iterun.models.schedule_problems import Trained
from iterun.models.schedule_sweep import Sweep

GRIDS = {"inv_sqrt": [1.0, 5.0], "linear": [0.1, 0.3, 1.0]}
PLAN = [(name, lr) for name, grid in GRIDS.items() for lr in grid]
PARAMETERS = {
    "lrs": [0.1], "steep_lrs": [5.0], "baselines": ["inv_sqrt", "linear"], "refine_rounds": 0,
}  # fmt: skip


def swept(*losses):
    """Trainings of two seeds and ten steps, as far as there are losses."""
    sweep = Sweep(grids=GRIDS, kind="l2", power=2, tau=0.1)
    for (name, _), loss in zip(PLAN, losses, strict=False):
        both, norms = np.array([loss, loss]), np.ones((10, 2))
        sweep.add(name, Trained(train_loss=both, test_loss=both, l2=norms, l1=norms))
    return sweep


@pytest.mark.parametrize(
    ("losses", "lr", "is_at_edge"),
    [([2], 0.1, False), ([2, 1], 0.3, True), ([2, 1, 3], 0.3, False), ([2, 3, 1], 1.0, True)],
)
def test_an_edge_is_an_end_of_the_rates_that_were_tried(losses, lr, is_at_edge):
    best = swept(1, 1, *losses).best("linear")

    assert (best.lr, best.is_at_edge) == (lr, is_at_edge)


def test_a_schedule_whose_grid_was_left_is_partial():
    assert swept(1, 1).partial == []
    assert swept(1, 1, 1, 1).partial == ["linear"]
    assert [row["is_whole"] for row in swept(1, 1, 1).table()] == [True, False]
    assert swept(1, 1, 1).done == PLAN[:3]


def test_what_is_done_may_be_followed_by_anything():
    for n in range(len(PLAN) + 1):
        check_plan(PLAN[:n], [*PLAN[:n], ("cosine", 9.0)], PARAMETERS)
    check_plan([], [], PARAMETERS)


@pytest.mark.parametrize(
    ("done", "planned", "said"),
    [
        (PLAN, [*PLAN[:3], ("linear", 9.0)], "task.lrs=[0.1]: training 4 was of linear at 0.3 and"),
        (
            PLAN,
            PLAN[1:],
            "task.steep_lrs=[5.0]: training 1 was of inv_sqrt at 1",
        ),
        (PLAN, PLAN[:4], "task.lrs=[0.1]: training 5 was of linear at 1 and would be none"),
        (PLAN, PLAN[2:], "task.baselines=[inv_sqrt,linear]: training 1 was of inv_sqrt at 1 and"),
        (PLAN, PLAN[2:] + PLAN[:2], "task.baselines=[inv_sqrt,linear]: training 1 was of inv_sqrt"),
        (
            [("refined", 1.0)],
            [],
            "task.refine_rounds=0: training 1 was of refined at 1 and",
        ),
        ([("refined", 1.0)], [("given", 1.0)], "schedule=: training 1 was of refined at 1 and"),
    ],
)
def test_a_plan_that_begins_otherwise_is_refused_with_its_setting(done, planned, said):
    with pytest.raises(ConfigError) as refused:
        check_plan(done, planned, PARAMETERS)

    assert said in refused.value.message
    assert refused.value.hint


def test_settings_that_made_what_is_done_stay():
    was = {"task.steps": 30, "data": "abc"}

    check_settings(was, {"task.steps": 30})
    with pytest.raises(ConfigError, match=r"task\.steps=10: .* were made with task\.steps=30"):
        check_settings(was, {"task.steps": 10, "data": "abc"})
    with pytest.raises(ConfigError, match=r"^data=: .* were made with another data=$"):
        check_settings(was, {"task.steps": 30, "data": "d"})

"""The multiplier of each step, by hand."""

import pytest

from iterun.ops.lr_schedule import milestone_step, multistep


def rates(n_steps: int, **settings) -> list[float]:
    usual = {"milestones": [0.5, 0.75], "gamma": 0.1, "warmup": 0}
    return [multistep(t, n_steps=n_steps, **(usual | settings)) for t in range(n_steps)]


def test_each_milestone_multiplies_the_rate_from_its_step_on():
    """Of 8 steps: 4 at 1, the two from 0.5 · 8 on at 0.1, the two from 0.75 · 8 on at 0.01."""
    assert rates(8) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_without_milestones_the_rate_stays():
    assert rates(3, milestones=[]) == [1, 1, 1]


def test_the_rate_rises_along_a_line_and_no_step_has_none():
    assert rates(8, warmup=4)[:5] == pytest.approx([0.25, 0.5, 0.75, 1, 0.1])


@pytest.mark.parametrize(
    ("share", "n_steps", "step"),
    [(0.9, 10, 9), (0.75, 300, 225), (0.333333, 112680, 37560), (0.888889, 112680, 100160)],
)
def test_a_share_names_the_nearest_step(share, n_steps, step):
    assert milestone_step(share, n_steps) == step

"""What rlhf/online_dpo claims, over three seeds, against imitation with as many steps.

At the usual settings, on the test split, greedy accuracy: the loop is at least .30 above the
replay control, and within 10 nats of the base.
"""

from __future__ import annotations

import statistics

import pytest
from online_dpo_runs import USUAL
from task_runs import done, story

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]
SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """The last round's metrics of each seed."""
    made, folder = {}, tmp_path_factory.mktemp("runs")

    def of(algorithm):
        if algorithm not in made:
            made[algorithm] = [
                story(
                    done(
                        folder / f"{algorithm}-{seed}",
                        [*USUAL, f"seed={seed}", f"task.algorithm={algorithm}"],
                    )
                )[-1][1]
                for seed in SEEDS
            ]
        return made[algorithm]

    return of


def mean(ends, name):
    return statistics.mean(end[name] for end in ends)


@pytest.mark.parametrize("algorithm", ["dpo", "grpo", "expert"])
def test_the_loop_is_far_above_its_control(algorithm, last):
    ends = last(algorithm)

    assert mean(ends, "accuracy_greedy") - mean(ends, "accuracy_greedy_replay") >= 0.30
    assert mean(ends, "accuracy_sampled") - mean(ends, "accuracy_sampled_replay") >= 0.15


@pytest.mark.parametrize("algorithm", ["dpo", "grpo", "expert"])
def test_the_policy_stays_near_the_base(algorithm, last):
    assert max(end["kl_to_base"] for end in last(algorithm)) < 10


def test_most_answers_beat_or_tie_the_base(last):
    assert mean(last("dpo"), "win_rate_vs_base") > 0.6

"""A choice among equals only, and what it is worth: luck stays in the tuning scores."""

import json
import random
import statistics
from pathlib import Path

import pytest

from iterun.analysis.evaluation import BASELINE, CHOSEN, Evaluated, table
from iterun.analysis.selection import choose, fresh, values_by_seed
from iterun.errors import ConfigError
from iterun.store.rows import Row

OBJECTIVE = {"metric": "loss", "goal": "min"}


def row(x, seed, loss, *, state="completed", reason="length", system="mine/noisy", **body):
    """A run as the index has it, without its directory."""
    id = f"{x}-{seed}"
    columns = (id, system, "mine", state, "2026-11-24T10:15:00+01:00", 0.0, seed, None, None)
    content = {
        "signature": f"s{x}", "objective": OBJECTIVE, "parameters": {"x": x, "seed": seed},
        "last": {} if loss is None else {"loss": loss, "speed": float(loss) * -1},
        "reason": reason, "attempt": 1,
    } | body  # fmt: skip
    return Row(Path("outputs"), id, columns, json.dumps(content))


def rows(table):
    """Runs of `{x: losses by seed 1, 2, ...}`."""
    return [row(x, n, loss) for x, losses in table.items() for n, loss in enumerate(losses, 1)]


def test_the_best_mean_over_the_shared_seeds_is_chosen():
    choice = choose(rows({1: [3.0, 1.0], 2: [1.0, 1.0], 3: [0.5, 9.0]}))

    assert [scored.label for scored in choice.candidates] == ["x=2", "x=1", "x=3"]
    assert (choice.metric, choice.goal, choice.seeds) == ("loss", "min", [1, 2])
    assert choice.candidates[0].interval()[:2] == (1.0, 1.0)


@pytest.mark.parametrize("goal", ["min", "max"])
def test_infinities_of_both_signs_are_no_mean_and_come_last(goal):
    choice = choose(rows({1: [float("inf"), float("-inf")], 2: [3.0, 5.0]}), goal=goal)

    assert [scored.label for scored in choice.candidates] == ["x=2", "x=1"]


def test_another_metric_needs_its_goal():
    found = rows({1: [3.0], 2: [1.0]})

    assert choose(found, "speed", "max").candidates[0].label == "x=2"
    with pytest.raises(ConfigError, match="is less better, or more"):
        choose(found, "speed")


def test_a_metric_or_goal_that_is_none_is_refused_with_what_there_is():
    with pytest.raises(ConfigError, match="none of these runs has sped") as caught:
        choose(rows({1: [3.0]}), "sped", "max")
    with pytest.raises(ConfigError, match="--goal less is no goal"):
        choose(rows({1: [3.0]}), goal="less")

    assert caught.value.hint == "did you mean speed?"


def test_a_setting_that_lacks_a_seed_is_left_out_and_named():
    choice = choose(rows({1: [3.0, 3.0], 2: [4.0, 4.0], 3: [1.0]}))

    assert choice.candidates[0].label == "x=1"
    assert choice.left_out == {"x=3": "without seed 2"}
    assert choice.would_win == "x=3"


def test_a_setting_with_more_seeds_is_weighed_by_the_shared_ones():
    choice = choose(rows({1: [3.0, 3.0], 2: [2.0, 2.0, 99.0], 3: [4.0, 4.0]}))

    assert choice.candidates[0].label == "x=2"
    assert choice.candidates[0].values == {1: 2.0, 2: 2.0}


def test_failed_and_early_ended_runs_take_no_part():
    found = [
        *rows({1: [3.0, 3.0], 2: [4.0, 4.0]}),
        row(3, 1, 0.0), row(3, 2, None, state="failed"),
        row(4, 1, 0.0, reason="pruned"), row(4, 2, 0.0, reason="pruned"),
    ]  # fmt: skip

    choice = choose(found)

    assert choice.candidates[0].label == "x=1"
    assert choice.left_out == {"x=3": "failed", "x=4": "2 ended early"}


@pytest.mark.parametrize("state", ["running", "interrupted", "lost"])
def test_no_choice_is_made_while_runs_are_unfinished(state):
    status = {"state": state, "pid": 1, "heartbeat": 9e12}
    found = [*rows({1: [3.0]}), row(2, 1, 1.0, state=state, status=status)]

    with pytest.raises(ConfigError, match="1 of 2 runs are not finished") as caught:
        choose(found)

    assert "iterun resume 2-1" in caught.value.hint


def test_no_choice_is_made_between_a_program_and_language_models():
    found = [
        row(1, 1, 1.0, parameters={"x": 1, "model_kind": "program"}),
        row(2, 1, 2.0, parameters={"x": 2, "model_kind": "llm"}),
    ]

    with pytest.raises(ConfigError, match="some of these are runs of a program") as caught:
        choose(found)

    assert "model_kind=llm" in caught.value.hint
    assert choose(found[:1]).candidates[0].label


def test_runs_of_two_systems_are_no_choice():
    with pytest.raises(ConfigError, match="runs of 2 systems"):
        choose([row(1, 1, 1.0), row(1, 1, 1.0, system="mine/count")])


def test_a_value_that_is_no_number_is_no_value():
    choice = choose([*rows({1: [3.0], 2: [4.0]}), row(3, 1, "NaN")])

    assert [scored.label for scored in choice.candidates] == ["x=1", "x=2"]


def test_of_two_runs_of_one_seed_the_first_counts():
    assert values_by_seed([row(1, 5, 2.0), row(1, 5, 9.0)], "loss") == {5: 2.0}


@pytest.mark.parametrize("taken", [[], [0, 1, 2], [1000, 1004], [999, 2001]])
def test_fresh_seeds_are_none_of_the_tuning(taken):
    seeds = fresh(taken, 3)

    assert len(seeds) == 3
    assert not set(seeds) & set(taken)
    assert seeds == fresh(taken, 3)


def test_the_baseline_is_tested_against_seed_by_seed():
    chosen = Evaluated(label="a", role=CHOSEN, tuned=None, values={7: 1.0, 8: 2.0, 9: 3.0})
    base = Evaluated(label="b", role=BASELINE, tuned=None, values={7: 2.0, 8: 3.5, 9: 4.0})

    first, second = table([chosen, base], "min")

    assert (first.against.n, first.against.difference) == (3, pytest.approx(-3.5 / 3))
    assert second.against is None


@pytest.mark.parametrize(("goal", "drop"), [("min", 0.5), ("max", -0.5)])
def test_the_drop_is_how_much_worse_fresh_seeds_are(goal, drop):
    tuned = choose(rows({1: [1.0, 2.0]})).candidates[0]
    one = Evaluated(label="x=1", role=CHOSEN, tuned=tuned, values={9: 2.0})

    assert table([one], goal)[0].drop == drop


def test_the_tuning_score_of_the_best_is_too_good_and_its_evaluation_is_not():
    """Twelve settings of equal worth, 200 sweeps: the best tuning score is luck alone."""
    generator = random.Random(0)
    tuning, evaluation = [], []
    for _ in range(200):
        found = {x: [generator.gauss(0.0, 1.0) for _ in range(3)] for x in range(12)}
        tuning.append(choose(rows(found)).candidates[0].mean)
        fresh_ones = [generator.gauss(0.0, 1.0) for _ in range(3)]
        evaluation.append(statistics.mean(fresh_ones))

    error = 1.0 / (3 * 200) ** 0.5  # of the evaluation's mean, which is 0 in truth
    assert statistics.mean(tuning) < -0.8  # E[min of 12] = -1.63 standard deviations of 1/sqrt(3)
    assert abs(statistics.mean(evaluation)) < 3 * error

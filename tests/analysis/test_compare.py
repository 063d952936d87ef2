"""Settings side by side: what counts, what is best, what is said."""

import math
from collections.abc import Callable

import pytest

from iterun.analysis import baseline, tabular
from iterun.analysis.compare import compare
from iterun.errors import ConfigError
from iterun.store.rows import Row

Rows = Callable[..., Row]


def test_seeds_are_averaged(row: Rows) -> None:
    found = compare([row(2.0, seed=1), row(4.0, seed=2)])

    assert found.metrics["ppl"].mean == [3.0]
    assert (found.metrics["ppl"].low, found.metrics["ppl"].high) == ([2.0], [4.0])
    assert found.entries[0].seeds == [1, 2]


def test_one_seed_has_no_interval(row: Rows) -> None:
    assert compare([row(2.0)]).metrics["ppl"].low == [None]


@pytest.mark.parametrize("state", ["failed", "diverged", "interrupted", "lost"])
def test_what_did_not_complete_is_left_out_and_said(row: Rows, state: str) -> None:
    found = compare([row(2.0, seed=1), row(400.0, seed=2, state=state)])

    assert found.metrics["ppl"].mean == [2.0]
    assert found.entries[0].left_out == {state: 1}
    assert found.remarks == [f"not in the means: 1 {state}; --all-states counts them"]


def test_what_a_search_ended_early_is_no_whole_run(row: Rows) -> None:
    found = compare([row(2.0, seed=1), row(1.0, seed=2, reason="pruned")])

    assert found.metrics["ppl"].mean == [2.0]
    assert found.remarks == ["not in the means: 1 pruned; --all-states counts them"]


def test_all_states_are_counted_if_asked_for(row: Rows) -> None:
    found = compare([row(2.0, seed=1), row(4.0, seed=2, state="failed")], all_states=True)

    assert found.metrics["ppl"].mean == [3.0]
    assert found.remarks == ["runs that did not complete are in the means"]


def test_a_repeated_seed_is_no_second_sample(row: Rows) -> None:
    """The newest counts."""
    found = compare([row(9.0, seed=1, stamp=1.0), row(2.0, seed=1, stamp=2.0), row(4.0, seed=2)])

    assert found.metrics["ppl"].values == [[2.0, 4.0]]
    assert found.entries[0].left_out == {"repeat": 1}


def test_a_completed_run_goes_before_a_newer_one_that_is_not(row: Rows) -> None:
    rows = [row(2.0, stamp=1.0), row(9.0, stamp=2.0, state="failed")]

    assert compare(rows, all_states=True).metrics["ppl"].mean == [2.0]


@pytest.mark.parametrize(("goal", "best"), [("min", [True, False]), ("max", [False, True])])
def test_the_best_mean_is_marked(row: Rows, goal: str, best: list[bool]) -> None:
    assert compare([row(2.0, goal=goal), row(3.0, signature="b", goal=goal)]).best == best


def test_a_single_setting_is_not_the_best_of_anything(row: Rows) -> None:
    assert compare([row(2.0)]).best == [False]


def test_an_infinite_mean_is_shown_and_not_ranked(row: Rows) -> None:
    found = compare([row(math.inf, goal="max"), row(3.0, signature="b", goal="max"),
                     row(2.0, signature="c", goal="max")])  # fmt: skip

    assert found.metrics["ppl"].mean[0] == math.inf
    assert found.best == [False, True, False]


def test_a_setting_that_lacks_values_of_seeds_is_not_ranked(row: Rows) -> None:
    found = compare([row(1.0, seed=1), row(None, seed=2), row(3.0, signature="b"),
                     row(4.0, signature="c")])  # fmt: skip

    assert found.metrics["ppl"].n == [1, 1, 1]
    assert found.best == [False, True, False]


def test_what_is_missing_is_missing(row: Rows) -> None:
    assert compare([row(None)]).metrics["ppl"].mean == [None]


def test_a_measured_value_goes_before_a_parameter_of_its_name(row: Rows) -> None:
    """perp asks for a sparsity, and measures the one that it reached."""
    rows = [row(last={"sparsity": 0.4999}, sparsity=0.5)]

    found = compare(rows, metrics=["sparsity", "task.sparsity"])

    assert found.metrics["sparsity"].mean == [0.4999]
    assert found.metrics["task.sparsity"].mean == [0.5]


def test_the_objective_stands_first_and_results_and_costs_can_be_asked_for(row: Rows) -> None:
    found = compare([row()], metrics=["ppl_dense", "peak_mem_mb"])

    assert list(found.metrics) == ["ppl", "ppl_dense", "peak_mem_mb"]
    assert list(found.costs) == ["seconds"]


def test_a_metric_that_no_run_has_is_refused_with_what_is_near(row: Rows) -> None:
    with pytest.raises(ConfigError, match="--metrics ppl_dens:") as caught:
        compare([row()], metrics=["ppl_dens"])

    assert "ppl_dense" in caught.value.hint


def test_costs_are_averaged_over_the_runs_that_count(row: Rows) -> None:
    found = compare([row(seed=1), row(seed=3), row(seed=9, state="failed")])

    assert found.costs == {"seconds": [12.0], "peak_mem_mb": [502.0]}


def test_systems_share_a_metric_by_its_name_alone(row: Rows) -> None:
    found = compare([row(2.0, last={"acc": 0.5}), row(3.0, system="prune/lth")], metrics=["acc"])

    assert found.metrics["acc"].mean == [0.5, None]
    assert found.best == [False, False]
    assert found.systems == ["prune/perp", "prune/lth"]


def test_runs_by_themselves_show_what_did_not_complete_unranked(row: Rows) -> None:
    found = compare([row(1.0, state="failed"), row(2.0, seed=2), row(3.0, seed=3)], grouped=False)

    assert found.metrics["ppl"].mean == [1.0, 2.0, 3.0]
    assert found.best == [False, True, False]


def test_seeds_that_were_capped_at_different_lengths_are_told(row: Rows) -> None:
    rows = [row(seed=1, iterations=3, reason="iterations"), row(seed=2, iterations=10)]

    assert "--at I" in compare(rows).remarks[0]


@pytest.mark.parametrize(("grouped", "what"), [(True, "settings"), (False, "runs")])
def test_settings_that_were_capped_at_different_lengths_are_told(
    row: Rows, grouped: bool, what: str
) -> None:
    rows = [row(signature="a", iterations=3, reason="iterations"), row(signature="b", lr=1.0)]
    said = f"{what} ended at different iterations, 1 of them by stop.iterations: --at I"

    assert [said in remark for remark in compare(rows, grouped=grouped).remarks] == [True]


def test_lengths_that_differ_of_themselves_or_between_systems_are_not_told(row: Rows) -> None:
    rows = [row(signature="a", iterations=3), row(signature="b", iterations=5, lr=1.0),
            row(system="prune/lth", iterations=2, reason="iterations")]  # fmt: skip

    assert compare(rows).remarks == []


def test_the_best_comes_first_and_any_key_sorts(row: Rows) -> None:
    found = compare([row(3.0, signature="a", lr=1.0), row(2.0, signature="b", lr=3.0),
                     row(None, signature="c", lr=2.0)])  # fmt: skip

    assert found.ranked() == [1, 0, 2]
    assert found.sort("ppl") == [1, 0, 2]
    assert found.sort("lr") == [1, 2, 0]
    assert found.sort("lr", reverse=True) == [0, 2, 1]


def test_an_unknown_sort_key_is_refused(row: Rows) -> None:
    with pytest.raises(ConfigError, match="--sort nothing"):
        compare([row()]).sort("nothing")


def paired(row: Rows) -> list[Row]:
    """Two settings; b is better by 1, 2 and 3."""
    return [
        row(10.0 + seed - (seed if name == "b" else 0), seed=seed, signature=name, mode=name)
        for name in "ab"
        for seed in (1, 2, 3)
    ]


def test_a_baseline_is_tested_against_seed_by_seed(row: Rows) -> None:
    """Differences -1, -2, -3: as worked by hand in tests/ops/test_stats.py."""
    against = baseline.by_condition(compare(paired(row)), "mode=a")

    [none, test] = against.metrics["ppl"]
    assert none is None
    assert test is not None
    assert (test.n, test.difference) == (3, -2.0)
    assert test.p == pytest.approx(1 - math.sqrt(12 / 14))


def test_only_common_seeds_are_paired(row: Rows) -> None:
    rows = [*paired(row), row(99.0, seed=4, signature="b", mode="b")]

    against = baseline.by_run(compare(rows), rows[0], "first")

    assert [test and test.n for test in against.metrics["ppl"]] == [None, 3]


def test_settings_without_a_common_seed_are_not_tested(row: Rows) -> None:
    rows = [row(1.0, seed=1, mode="a"), row(2.0, seed=2, signature="b", mode="b")]

    assert baseline.by_condition(compare(rows), "mode=a").metrics["ppl"] == [None, None]


def test_of_several_baselines_each_setting_takes_the_one_like_itself(row: Rows) -> None:
    rows = [
        row(signature=f"{mode}{lr}", mode=mode, lr=lr) for mode in ("none", "full") for lr in (1, 2)
    ]

    against = baseline.by_condition(compare(rows), "mode=none")

    assert against.of == [None, None, 0, 1]
    assert against.baselines == {0, 1}


def test_single_runs_are_held_against_the_one_of_their_seed(row: Rows) -> None:
    found = compare(paired(row), grouped=False)

    assert baseline.by_condition(found, "mode=a").of == [None, None, None, 0, 1, 2]


def test_a_baseline_that_no_setting_fits_is_refused_with_what_there_is(row: Rows) -> None:
    with pytest.raises(ConfigError, match="none of the settings") as caught:
        baseline.by_condition(compare([row(mode="a")]), "mode=c")

    assert "mode=a" in caught.value.hint


def test_a_baseline_run_must_be_compared_too(row: Rows) -> None:
    with pytest.raises(ConfigError, match="not among those compared"):
        baseline.by_run(compare([row()]), row(), "run00001")


def test_the_flat_columns_hold_full_precision_and_none_for_what_is_not_defined(row: Rows) -> None:
    columns = tabular.columns(compare([row(0.1 + 0.2, mode="a"), row(1.0, signature="b")]))

    assert columns["ppl"] == [0.1 + 0.2, 1.0]
    assert columns["ppl.low"] == [None, None]
    assert columns["task.mode"] == ["a", None]
    assert columns["seeds"] == [[1], [1]]


def test_a_frame_has_a_line_a_setting(row: Rows) -> None:
    frame = tabular.frame(compare(paired(row)))

    assert list(frame["task.mode"]) == ["a", "b"]
    assert list(frame["ppl"]) == [12.0, 10.0]


def test_the_json_holds_every_seed_s_value(row: Rows) -> None:
    found = compare(paired(row))
    found.against = baseline.by_condition(found, "mode=a")

    entry = tabular.to_json(found)["entries"][1]

    assert entry["metrics"]["ppl"]["values"] == {"1": 10.0, "2": 10.0, "3": 10.0}
    assert entry["metrics"]["ppl"]["against"]["difference"] == -2.0
    assert entry["differing"] == {"mode": "b"}


def test_a_program_is_never_ranked_with_language_models(row: Rows) -> None:
    """Each has its block and its best; the program's says what it is."""
    found = compare([row(2.0, signature="a", model_kind="program"), row(3.0, signature="b")])

    assert found.systems == ["prune/perp by a program, no language model", "prune/perp"]
    assert found.best == [False, False]
    assert [len(found.of(system)) for system in found.systems] == [1, 1]

"""Which runs are seeds of one setting, and what tells settings apart."""

import math
from collections.abc import Callable

from iterun.analysis.settings import differing, group
from iterun.store.rows import Row

Rows = Callable[..., Row]


def test_runs_of_one_signature_are_one_setting(row: Rows) -> None:
    rows = [row(seed=1, signature="a"), row(seed=1, signature="b"), row(seed=2, signature="a")]

    first, second = group(rows)

    assert first.rows == [rows[0], rows[2]]
    assert second.rows == [rows[1]]


def test_systems_are_apart_even_with_one_signature(row: Rows) -> None:
    assert len(group([row(signature="a"), row(signature="a", system="prune/lth")])) == 2


def test_runs_without_a_signature_stand_by_themselves(row: Rows) -> None:
    assert len(group([row(signature=""), row(signature="")])) == 2


def test_only_what_differs_is_in_the_label(row: Rows) -> None:
    settings = group([
        row(signature="a", sparsity=0.5, mode="none", steps=60),
        row(signature="b", sparsity=1.0, mode="none", steps=60, model="opt-125m"),
    ])  # fmt: skip

    assert [s.label for s in settings] == [
        "model=opt-mini sparsity=0.5", "model=opt-125m sparsity=1"
    ]  # fmt: skip


def test_a_single_setting_is_called_by_its_system(row: Rows) -> None:
    [setting] = group([row(seed=1), row(seed=2)])

    assert setting.label == "prune/perp"
    assert setting.differing == {}


def test_what_differs_is_looked_for_within_a_system(row: Rows) -> None:
    settings = group([
        row(signature="a", sparsity=0.5), row(signature="b", sparsity=0.5, system="prune/lth")
    ])  # fmt: skip

    assert [s.differing for s in settings] == [{}, {}]


def test_a_parameter_that_one_lacks_differs() -> None:
    assert differing([{"a": 1}, {"a": 1, "b": None}]) == ["b"]
    assert differing([{"a": 1, "b": 2}, {"a": 1}]) == ["b"]


def test_seed_model_and_data_are_no_parameters() -> None:
    assert differing([{"seed": 1, "model": "x", "data": "y"}, {"seed": 2}]) == []


def test_not_a_number_is_the_same_as_itself() -> None:
    assert differing([{"a": math.nan}, {"a": float("nan")}]) == []


def test_settings_that_differ_in_the_config_alone_are_told_apart_by_it(row: Rows) -> None:
    """A longer text, another dtype: not among the parameters of the task."""
    [first, second] = group([row(signature="a"), row(signature="b")])

    assert first.label != second.label

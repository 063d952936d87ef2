"""Where two courses part: bits, not closeness."""

import math
from typing import Any

import pytest

from iterun.analysis.replay import Difference, between, first, same
from iterun.store.schema import Iteration


def line(i: int, labels: dict[str, str] | None = None, **metrics: float) -> Iteration:
    return Iteration(i=i, time=0.0, seconds=0.0, metrics=metrics, labels=labels or {})


@pytest.mark.parametrize("pair", [(1, 1.0), (math.nan, -math.nan), (2**70, 2**70), (None, None)])
def test_equal_numbers_are_the_same(pair: Any) -> None:
    assert same(*pair)


@pytest.mark.parametrize(
    "pair", [(0.1, 0.1 + 2**-55), (0.0, -0.0), (1, None), (2**70, 2**70 + 1), (10**400, 1.0)]
)
def test_the_last_bit_counts(pair: Any) -> None:
    assert not same(*pair)


def test_the_first_difference_is_the_first_metric_of_the_first_iteration() -> None:
    was = [line(1, a=1.0, b=2.0), line(2, a=1.0, b=2.0)]
    now = [line(1, b=2.0, a=1.0), line(2, b=2.5, a=1.5), line(3, a=0.0)]

    found = first(was, now)

    assert found == Difference(2, "a", "metric", 1.0, 1.5)
    assert (found.size, found.relative) == (0.5, 0.5)
    assert first(was, was) is None


def test_a_label_and_a_missing_metric_differ_too() -> None:
    found = list(between(line(1, {"phase": "up"}, a=1.0), line(1, {"phase": "down"}, b=1.0)))

    assert [(d.name, d.kind, d.was, d.now) for d in found] == [
        ("a", "metric", 1.0, None), ("b", "metric", None, 1.0), ("phase", "label", "up", "down"),
    ]  # fmt: skip
    assert {(d.size, d.relative) for d in found} == {(None, None)}


def test_sizes_of_what_is_not_finite() -> None:
    assert Difference(1, "a", "metric", 1.0, math.nan).size is None
    assert Difference(1, "a", "metric", 1.0, math.inf).size == math.inf
    assert Difference(1, "a", "metric", 0.0, 1.0).relative is None
    assert Difference(1, "a", "metric", 10**400, 1.0).size == math.inf

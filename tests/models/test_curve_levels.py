"""Levels of a curve: a fork goes on with its observations only where they are the same."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from iterun.data.digits import digits
from iterun.data.toy_pos import toy_pos
from iterun.errors import ConfigError
from iterun.models.curve_levels import Levels, drawn
from iterun.models.nested import nested_pictures, nested_text

LEVELS = Levels(kernel=50, slice=50, max_words=300, test_words=60)


@cache
def sentences(n_words):
    return toy_pos().tagged(np.random.default_rng(0), n_words)


def text(*, data="a", folds=1, sizes=(50, 100, 150, 200), n_test=60, n_words=400, n=3):
    """What the first n levels are, of a shuffle of so many words."""
    order = np.random.default_rng(1).permutation(len(sentences(n_words)))
    one = nested_text(sentences(n_words), order, sizes, n_test)
    return drawn(data, [one] * folds, n)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": "b"}, "data=: the accuracies so far are of other data"),
        ({"folds": 2}, "task.folds=2: the accuracies so far are of task.folds=1"),
        (
            {"n_test": 90},
            "task.test_words=60 task.max_words=300: the accuracies so far",
        ),
        ({"n_words": 900}, "task.max_words=300: the accuracies so far are of another test set"),
        ({"sizes": (50, 120, 150)}, "task.kernel=50 task.slice=50 task.max_words=300: the accurac"),
        ({"sizes": (50, 100)}, "so far are of levels of "),
    ],
)
def test_observations_of_other_levels_are_refused(changed, said):
    with pytest.raises(ConfigError) as refused:
        LEVELS.check_same(text(), text(**changed))

    assert said in refused.value.message
    assert refused.value.hint


def test_levels_to_come_may_change():
    LEVELS.check_same(text(), text(sizes=(50, 100, 150, 240)))
    LEVELS.check_same(text(n=0), text(n=0, sizes=(10, 20)))


def test_pictures_are_told_apart_by_test_set_and_sizes():
    some, more = (
        nested_pictures(digits(), np.random.default_rng(0), [50, 100], n) for n in (60, 61)
    )

    LEVELS.check_same(drawn("a", [some], 2), drawn("a", [some], 2))
    with pytest.raises(ConfigError, match="another test set"):
        LEVELS.check_same(drawn("a", [some], 2), drawn("a", [more], 2))

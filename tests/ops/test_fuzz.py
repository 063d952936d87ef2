"""Values made from values keep their type; a wrong answer differs from the right one."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from iterun.ops.fuzz import emptied, enlarged, varied, wrong

ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
) | st.sets(st.integers(), max_size=4)
SEEDS = st.integers(0, 1000)


@given(VALUES, SEEDS)
def test_a_value_keeps_its_type(value, seed):
    for change in (varied, emptied, enlarged):
        assert type(change(value, Random(seed))) is type(value)


@given(VALUES, SEEDS)
def test_the_same_seed_gives_the_same_value(value, seed):
    for change in (varied, emptied, enlarged, wrong):
        assert repr(change(value, Random(seed))) == repr(change(value, Random(seed)))


@given(VALUES, SEEDS)
def test_a_value_is_not_changed_in_place(value, seed):
    before = repr(value)

    for change in (varied, emptied, enlarged, wrong):
        change(value, Random(seed))

    assert repr(value) == before


@given(VALUES, SEEDS)
def test_a_wrong_answer_is_wrong(value, seed):
    assert wrong(value, Random(seed)) != value


def test_large_values_are_large():
    assert len(enlarged([1, 2, 3], Random(0))) >= 40
    assert len(enlarged("abc", Random(0))) >= 40
    assert abs(enlarged(-7, Random(0))) >= 14
    assert emptied([5, 6], Random(1)) in ([], [5])


@given(st.tuples(st.integers(), st.text(max_size=4), st.booleans()), SEEDS)
def test_a_tuple_keeps_its_length_and_the_types_in_it(value, seed):
    for change in (varied, emptied, enlarged):
        assert [type(part) for part in change(value, Random(seed))] == [int, str, bool]

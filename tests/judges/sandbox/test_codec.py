"""Values come out of a program as they are, by type, and nothing of the program's own with them."""

from __future__ import annotations

import json
from collections import Counter, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.judges.sandbox.codec import NotPlainError, decode, encode

KEYS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=9),
    st.tuples(st.integers(), st.text()), st.frozensets(st.integers()),
)  # fmt: skip
VALUES = st.recursive(
    st.one_of(KEYS, st.complex_numbers(), st.sets(st.text(max_size=3))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=20,
)


class Liar(int):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = int.__hash__


@given(VALUES)
def test_a_value_comes_back_in_value_and_type(value: object) -> None:
    again = decode(encode(value))

    assert type(again) is type(value)
    assert encode(again) == encode(value)  # other types have other texts, as below


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True), (1, 1.0), ((1,), [1]), ({1}, frozenset({1})), ("1", 1), (b"a", "a"),
        ({1: 2}, {True: 2}), ({1: 2}, {1: 2.0}), (None, 0), ([1, [2]], [1, (2,)]), ({1}, {1.0}),
    ],
)  # fmt: skip
def test_equal_values_of_other_types_have_other_texts(left: object, right: object) -> None:
    assert encode(left) != encode(right)


def test_dicts_of_collections_count_as_dict() -> None:
    again = decode(encode(Counter("aab")))

    assert (type(again), again) == (dict, {"a": 2, "b": 1})


@pytest.mark.parametrize(
    "value",
    [object(), Liar(3), [Liar(3)], namedtuple("Point", "x")(1), range(3), iter([]), type, len],
)
def test_what_has_no_plain_form_is_refused(value: object) -> None:
    with pytest.raises(NotPlainError, match="has no plain form"):
        encode(value)


def test_what_holds_itself_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)

    with pytest.raises(NotPlainError, match="deep"):
        encode(circle)


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "[]", '["q"]', '["l"', "{}", "1.5", '["i","x"]', '["f",1]', '["b","0"]', "NaN",
        '["s",["l"]]', '["d",1]', '["d",[["l"],1]]', '["c","1"]', "9" * 5000, b"\xff", '[["l"]]',
        "[" * 10_000, '["l",' * 60 + "1" + "]" * 60, '["f","' + "9" * 400 + '"]',
    ],
)  # fmt: skip
def test_text_that_no_honest_program_writes_is_refused(text: str | bytes) -> None:
    with pytest.raises(NotPlainError):
        decode(text)


@given(st.recursive(st.one_of(st.none(), st.floats(), st.text()), st.lists, max_leaves=9))
def test_any_json_is_read_or_refused(form: object) -> None:
    try:
        value = decode(json.dumps(form))
    except NotPlainError:
        return
    assert encode(decode(encode(value))) == encode(value)

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_values, same

from iterun.store.schema import decode, encode


@given(json_values)
def test_what_is_decoded_is_what_was_encoded(value):
    assert same(decode(encode(value)), value)


@given(json_values)
def test_other_programs_can_read_it_too(value):
    text = encode(value).decode()

    json.loads(text, parse_constant=pytest.fail)
    assert "\n" not in text


def test_numbers_that_are_not_finite_are_strings():
    values = [math.nan, math.inf, -math.inf]

    assert encode(values) == b'["NaN","Infinity","-Infinity"]'


def test_a_text_that_reads_like_a_number_stays_a_text():
    assert decode(encode({"answer": "NaN", "score": math.inf})) == {
        "answer": "NaN",
        "score": math.inf,
    }


def test_numpy_numbers_are_plain_numbers():
    assert decode(encode({"a": np.float32(0.5), "b": np.int64(3), "c": np.float64("inf")})) == {
        "a": 0.5,
        "b": 3,
        "c": math.inf,
    }


def test_what_json_has_no_form_for_is_refused():
    with pytest.raises(TypeError, match="a complex can't be written"):
        encode({"z": 1j})


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"nul", b'{"a":1}}', b"[" * 100_000])
def test_what_is_no_json_is_a_value_error(raw):
    with pytest.raises(ValueError, match=r"."):
        decode(raw)


@given(st.binary(max_size=40))
def test_any_bytes_decode_or_are_a_value_error(raw):
    try:
        decode(raw)
    except ValueError:
        return

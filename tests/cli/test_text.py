"""Text from elsewhere never acts on the terminal, and fits where it is put."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.cli.text import clean, clip, clip_middle, pad, width, wrap, wrap_code

texts = st.text(max_size=40)


@given(texts)
def test_cleaned_text_is_printable(text: str) -> None:
    assert clean(text).isprintable()


@given(texts)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(texts.map(clean), st.integers(0, 30))
def test_clipped_text_fits(text: str, cells: int) -> None:
    assert width(clip(text, cells)) <= cells


@given(texts.map(clean), st.integers(3, 30))
def test_text_clipped_in_the_middle_fits(text: str, cells: int) -> None:
    assert width(clip_middle(text, cells)) <= cells


@given(texts.map(clean), st.integers(20, 60))
def test_padding_reaches_the_width(text: str, cells: int) -> None:
    assert width(pad(clip(text, cells), cells)) == cells


@given(st.text(st.characters(categories=["Lu", "Ll", "Zs"]), max_size=80), st.integers(5, 40))
def test_no_wrapped_line_is_too_long(text: str, cells: int) -> None:
    for broken in (wrap, wrap_code):
        assert all(width(line) <= cells for line in broken(clean(text), cells))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\u202eb", "a\\u202eb"),
        ("a\nb\tc", "a b c"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("Köln 東京", "Köln 東京"),
    ],
)
def test_what_a_terminal_would_act_on_becomes_visible(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_wide_characters_count_two_cells_and_accents_none() -> None:
    assert width("東京") == 4
    assert width(unicodedata.normalize("NFD", "é")) == 1
    assert clip("東京都", 5) == "東京…"

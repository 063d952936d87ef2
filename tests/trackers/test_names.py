"""Names and ids as other tools take them."""

from hypothesis import given
from hypothesis import strategies as st

from iterun.trackers.names import Names, identity, text

MLFLOW = r"[^\w.\- /]"


def test_an_at_sign_becomes_a_word_and_is_known_again() -> None:
    names = Names(MLFLOW)

    assert names("fd@4") == "fd_at_4"
    assert names("cost/seconds") == "cost/seconds"
    assert names.changed() == {"fd_at_4": "fd@4"}


@given(st.lists(st.text(max_size=300), unique=True, max_size=20))
def test_two_names_never_become_one(given_names: list[str]) -> None:
    names = Names(MLFLOW, longest=20)

    found = [names(name) for name in given_names]

    assert len(set(found)) == len(found)
    assert all(0 < len(name) <= 20 for name in found)
    assert found == [names(name) for name in given_names]


def test_a_name_that_leads_elsewhere_stays_where_it_is() -> None:
    names = Names(MLFLOW)

    assert names("../../etc") == "______etc"
    assert names("a//b") == "a__b"
    assert names("/root") == "_root"


def test_an_id_that_is_none_of_ours_is_hashed() -> None:
    assert identity("3f9a1c2b") == "3f9a1c2b"
    assert identity("x' OR 1=1 --").isalnum()
    assert identity("\ud800") != identity("\ud801")


def test_half_characters_and_length_are_mended() -> None:
    assert text("a\ud800b\0") == "a?b "
    assert len(text("x" * 9000)) == 5000

"""Ids and directory names."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iterun.launch.naming import id_of, job_id, new_id, system_of


def test_ids_are_eight_characters_that_can_be_typed() -> None:
    ids = {new_id() for _ in range(1000)}

    assert len(ids) == 1000
    assert all(re.fullmatch("[a-z2-7]{8}", one) for one in ids)


def test_the_id_is_read_from_the_name() -> None:
    assert id_of(Path("a/20260101-120000-opt-mini-abcdefgh")) == "abcdefgh"
    assert id_of(Path("a/20260101-120000-abcdefgh")) == "abcdefgh"


@pytest.mark.parametrize("name", ["here", "20260101-120000-opt-mini", "x-abcdefgh"])
def test_a_name_of_the_users_gets_a_new_id(name: str) -> None:
    assert id_of(Path(name)) != id_of(Path(name))


@settings(deadline=None)
@given(st.text(), st.integers(0, 10**6))
def test_a_job_has_the_same_id_each_time_and_looks_like_one(sweep: str, job: int) -> None:
    assert job_id(sweep, str(job)) == job_id(sweep, str(job))
    assert re.fullmatch("[a-z2-7]{8}", job_id(sweep, str(job)))
    assert job_id(sweep, str(job)) != job_id(sweep, str(job + 1))


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_name_of_a_system_leads_out_of_outputs(about: str, choice: str) -> None:
    parts = system_of(about, choice).split("/")

    assert len(parts) >= 2
    assert all(part and part not in (".", "..") and not part.startswith(".") for part in parts)

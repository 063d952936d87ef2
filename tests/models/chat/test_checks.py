"""Requests that no model could answer are refused, all faults at once."""

from __future__ import annotations

import math
from typing import Any

import pytest
from local_models import ask

from iterun.errors import ConfigError, ConfigErrors
from iterun.models.chat.checks import check_requests
from iterun.types import Request


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": -0.5, "seed": 1}, "request 2: temperature=-0.5 is negative"),
        ({"temperature": math.nan, "seed": 1}, "temperature=nan is negative or no number"),
        ({"temperature": 0.5}, "temperature=0.5 without a seed"),
        ({"top_p": 0.0}, "top_p=0.0 is no share"),
        ({"top_p": 1.5}, "top_p=1.5 is no share"),
        ({"n": 0}, "n=0 asks for no sample"),
        ({"max_tokens": 0}, "max_tokens=0 leaves no room"),
        ({"stop": ("x", "")}, "an empty stop string"),
        ({"choices": ()}, "choices has no pieces"),
        ({"choices": (("a",), ())}, "piece 2 of choices has nothing"),
        (
            {"n": 0, "tag": {"agent": "critic", "instance": 3}},
            "request of agent critic, instance 3",
        ),
    ],
)
def test_each_fault_is_named(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refusal:
        check_requests([ask("fine"), ask("Why?", **fields)], seeded=True)

    assert refusal.value.hint


def test_a_conversation_has_messages() -> None:
    with pytest.raises(ConfigError, match="it has no messages"):
        check_requests([Request(messages=())], seeded=True)


def test_all_faults_are_told_together() -> None:
    with pytest.raises(ConfigErrors) as refusal:
        check_requests([ask("a", n=0, top_p=2.0), ask("b", max_tokens=-1)], seeded=True)

    assert len(refusal.value.errors) == 3


def test_a_model_with_seeds_of_its_own_needs_none() -> None:
    check_requests([ask("Why?", temperature=1.0)], seeded=False)

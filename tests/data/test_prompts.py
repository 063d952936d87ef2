"""Prompts of several tables, one after another, out of texts or conversations."""

from __future__ import annotations

import pytest

from iterun.data.prompts import Column, HubPrompts, hub_prompts
from iterun.errors import ConfigError

TEXTS = [{"text": f" question {k} "} for k in range(5)]
TALK = {
    "text": [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "yes?"},
        {"role": "user", "content": "second "},
    ]
}


def data(held_out: int) -> HubPrompts:
    """Five texts and three conversations in the place of what the hub has."""
    found = hub_prompts(name="mine", ids=["a/b", "a/c"], column="text", held_out=held_out)
    found.__dict__["_tables"] = [TEXTS, [TALK] * 3]
    return found


def test_prompts_go_on_from_one_table_to_the_next():
    column = Column([TEXTS, [TALK]], "text", range(3, 6))

    assert [it.prompt for it in column] == ["question 3", "question 4", "second"]
    assert [it.prompt for it in column[1:]] == ["question 4", "second"]


def test_splits_are_the_ends_and_the_loop_has_the_rest():
    found = data(2)

    assert (len(found.pool), len(found.dev), len(found.test), len(found.train)) == (4, 2, 2, 0)
    assert found.pool[3].prompt == "question 3"
    assert [it.prompt for it in found.dev] == ["question 4", "second"]


def test_holding_out_too_much_is_refused():
    with pytest.raises(ConfigError, match=r"data\.held_out=4, twice, leaves none of 8") as error:
        len(data(4).pool)
    assert error.value.hint == "at most data.held_out=3"


def test_a_missing_column_names_those_there_are():
    with pytest.raises(ConfigError, match=r"data\.column=prompt: the data set has text"):
        Column([TEXTS], "prompt", range(5))[0]


@pytest.mark.parametrize(("ids", "held_out"), [([], 5), (["a/b"], 0)])
def test_what_cannot_be_is_refused_before_anything_is_fetched(ids, held_out):
    with pytest.raises(ConfigError, match=r"data\.(ids=\[\]|held_out=0)"):
        hub_prompts(name="mine", ids=ids, column="text", held_out=held_out)

"""`iterun tag` and `iterun note`, and where what they write is shown."""

import json
from typing import Any

import pytest


def test_tags_are_given_taken_and_shown(iterun: Any, runs: Any) -> None:
    runs("aaaa")
    runs("bbbb", seed=2)

    assert "+best" in iterun("tag", "task=prune", "+best").out
    assert "-best" in iterun("tag", "aaaa", "-best", "+first").out
    assert iterun("ls", "tag=best").lines[1].startswith("bbbb")
    assert "tags     first" in iterun("show", "aaaa").out
    assert iterun("tag").lines[1:] == ["best   1 run", "first  1 run"]


def test_a_list_without_tags_has_no_column_for_them(iterun: Any, runs: Any) -> None:
    runs("aaaa")

    assert "tags" not in iterun("ls").lines[0]
    iterun("tag", "aaaa", "+best")
    assert "tags" in iterun("ls").lines[0]


def test_what_changed_is_told_and_only_that(iterun: Any, runs: Any) -> None:
    runs("aaaa")
    runs("bbbb")
    iterun("tag", "aaaa", "+best")

    answer = iterun("tag", "aaaa", "bbbb", "+best")

    assert [line.split()[0] for line in answer.lines] == ["id", "bbbb"]
    assert answer.err == "1 run had it so already\n"
    told = json.loads(iterun("tag", "aaaa", "-best", "--json").out)
    assert told == [{"id": "aaaa", "added": [], "removed": ["best"], "tags": []}]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["+best"], "no run is named"),
        (["aaaa", "+a,b"], "can't be a tag"),
        (["zzzz", "+a"], "no run is called"),
        (["seed=9", "+a"], "no run fits seed=9"),
    ],
)
def test_what_can_not_be_tagged_is_refused(
    iterun: Any, runs: Any, words: list[str], said: str
) -> None:
    runs("aaaa")

    answer = iterun("tag", *words)

    assert answer.status == 2
    assert said in answer.err
    assert "\nhint: " in answer.err


def test_a_note_is_written_shown_found_and_removed(iterun: Any, runs: Any) -> None:
    runs("aaaa")

    assert "note written" in iterun("note", "aaaa", "too", "hot").err
    assert iterun("note", "aaaa").out == "too hot\n"
    assert "note     too hot" in iterun("show", "aaaa").out
    assert iterun("ls", "note~HOT").lines[1].startswith("aaaa")
    assert "it was: too hot" in iterun("note", "aaaa", "").err
    assert iterun("note", "aaaa").out == ""


def test_a_note_is_written_in_an_editor(iterun: Any, runs: Any, monkeypatch: Any) -> None:
    runs("aaaa")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/cold/hot/")
    iterun("note", "aaaa", "cold\nand dry")

    iterun("note", "aaaa", "--edit")

    assert iterun("note", "aaaa").out == "hot\nand dry\n"


def test_a_fork_names_its_parent_and_a_parent_its_forks(iterun: Any, runs: Any) -> None:
    runs("aaaa")
    runs("bbbb", parent={"run": "aaaa", "iteration": 2}, sweep={"id": "s1", "job": 4})

    assert "fork of  aaaa@2  (iterun show aaaa; " in iterun("show", "bbbb").out
    assert "sweep    s1, job 4" in iterun("show", "bbbb").out
    assert "forks    bbbb at 2" in iterun("show", "aaaa").out
    assert json.loads(iterun("show", "bbbb", "--json").out)["sweep"] == {"id": "s1", "job": 4}

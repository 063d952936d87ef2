import json
from collections.abc import Callable
from pathlib import Path

import pytest

from iterun.errors import ConfigError, StoreError
from iterun.store import filters, marks
from iterun.store.index import Index
from iterun.store.rows import row_of
from iterun.store.writer import RunWriter


def tagged(outputs: Path, word: str) -> list[str]:
    with Index(outputs) as index:
        return [row.id for row in index.rows(filters.parse([word]))]


def test_tags_stand_beside_those_of_the_config(make: Callable[..., Path]) -> None:
    run = make("aaaa")

    change = marks.set_tags(run, ["best", "first"])

    assert (change.added, change.tags) == (["best"], ["first", "best"])
    assert row_of(run).tags == ["first", "best"]


def test_a_tag_of_the_config_can_be_taken_off_and_given_again(make: Callable[..., Path]) -> None:
    run = make("aaaa")

    assert marks.set_tags(run, remove=["first", "none"]).removed == ["first"]
    assert row_of(run).tags == []
    assert marks.set_tags(run, ["first"]).added == ["first"]
    assert row_of(run).tags == ["first"]


def test_the_index_sees_marks_of_a_finished_run_at_once(
    make: Callable[..., Path], outputs: Path
) -> None:
    run = make("aaaa")
    make("bbbb")
    tagged(outputs, "tag=best")

    marks.set_tags(run, ["best"])
    marks.set_note(run, "lr too high")

    assert tagged(outputs, "tag=best") == tagged(outputs, "note~LR") == ["aaaa"]
    assert tagged(outputs, "tag!=best") == ["bbbb"]


def test_a_run_that_is_running_takes_marks(writer: RunWriter, outputs: Path) -> None:
    marks.set_tags(writer.directory, ["live"])
    writer.append(0, seconds=0.5, metrics={"ppl": 1.0})
    writer.status("completed")

    assert tagged(outputs, "tag=live") == ["3f2a9c1e"]


def test_an_empty_note_removes_it_and_tags_stay(make: Callable[..., Path]) -> None:
    run = make("aaaa")
    marks.set_tags(run, ["best"])
    marks.set_note(run, "one\ntwo\n")

    assert marks.set_note(run, " ") == "one\ntwo"
    assert marks.read(run) == marks.Marks(("best",))


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "a=b", "-a", "+a", "*", "a/b", "@1", "\x1b[2J"])
def test_a_word_with_a_meaning_elsewhere_is_no_tag(make: Callable[..., Path], tag: str) -> None:
    with pytest.raises(ConfigError, match="can't be a tag"):
        marks.set_tags(make("aaaa"), [tag])


@pytest.mark.parametrize(
    "content", ["[1]", '{"tags": "a"}', '{"tags": [1]}', '{"note": 3}', "", "{", "[" * 100_000]
)
def test_unreadable_marks_hide_no_run_and_are_not_overwritten(
    make: Callable[..., Path], content: str
) -> None:
    run = make("aaaa")
    (run / "marks.json").write_text(content)

    assert row_of(run).tags == ["first"]
    with pytest.raises(StoreError, match=r"marks\.json can't be read"):
        marks.set_tags(run, ["best"])
    assert (run / "marks.json").read_text() == content


def test_a_link_in_place_of_marks_is_neither_read_nor_followed(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    run, outside = make("aaaa"), tmp_path / "outside.json"
    outside.write_text('{"tags": ["foreign"]}')
    (run / "marks.json").symlink_to(outside)

    assert row_of(run).tags == ["first"]
    with pytest.raises(StoreError, match="a link"):
        marks.set_note(run, "mine")
    assert json.loads(outside.read_text()) == {"tags": ["foreign"]}


def test_a_sweep_is_found_by_its_id(make: Callable[..., Path], outputs: Path) -> None:
    make("aaaa", sweep={"id": "s1", "job": 3})
    make("bbbb", sweep={"id": "s2", "job": "1"})
    make("cccc")

    assert tagged(outputs, "sweep=s1") == ["aaaa"]
    assert sorted(tagged(outputs, "sweep=s*")) == ["aaaa", "bbbb"]
    assert tagged(outputs, "sweep=null") == ["cccc"]


def test_tags_of_two_processes_at_once_are_all_kept(
    make: Callable[..., Path], child: Callable[..., object]
) -> None:
    run = make("aaaa")

    both = [child("tag", run, name, 20) for name in ("a", "b")]
    for process in both:
        process.communicate()

    expected = {f"{name}{k}" for name in ("a", "b") for k in range(20)}
    assert set(marks.read(run).tags) == expected

"""Lines of a run as they come."""

from pathlib import Path

import pytest

from iterun.store import paths
from iterun.store.schema import RunRecord
from iterun.store.tail import Tail
from iterun.store.writer import RunWriter

RECORD_OF_A_RUN = RunRecord(
    id="3f9a", system="prune/perp", family="prune", signature="5e1f", seed=1,
    created="2026-11-24T10:15:00+01:00",
)  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A run with iterations 0 to 2."""
    with RunWriter.create(tmp_path / "run", record=RECORD_OF_A_RUN, config={}) as writer:
        for i in range(3):
            writer.append(i, seconds=1.0, metrics={"ppl": 10.0 - i})
        writer.status("completed")
    return tmp_path / "run"


def add(directory: Path, *lines: int, ppl: float = 1.0) -> None:
    with open(directory / paths.ITERATIONS, "ab") as file:
        for i in lines:
            file.write(b'{"i":%d,"time":1.0,"seconds":1.0,"metrics":{"ppl":%r}}\n' % (i, ppl))


def test_each_look_gives_what_came_since_the_last_one(directory: Path) -> None:
    tail = Tail(directory)

    assert [line.i for line in tail.new()] == [0, 1, 2]
    assert tail.new() == []
    add(directory, 3, 4)
    assert [line.i for line in tail.new()] == [3, 4]
    assert not tail.has_restarted


def test_a_line_that_is_half_written_waits_for_its_end(directory: Path) -> None:
    tail = Tail(directory)
    tail.new()
    with open(directory / paths.ITERATIONS, "ab") as file:
        file.write(b'{"i":3,"time":1.0,')
        file.flush()
        assert tail.new() == []
        file.write(b'"seconds":1.0}\n')

    assert [line.i for line in tail.new()] == [3]


def test_lines_that_a_resume_moves_away_are_noticed_even_if_others_took_their_place(
    directory: Path,
) -> None:
    tail = Tail(directory)
    tail.new()
    with RunWriter.reopen(directory) as writer:
        writer.drop_after(0)
    add(directory, 1, 2, 3, 4, ppl=7.0)

    assert [line.i for line in tail.new()] == [0, 1, 2, 3, 4]
    assert tail.has_restarted
    add(directory, 5)
    assert [line.i for line in tail.new()] == [5]


def test_a_shorter_file_is_read_anew(directory: Path) -> None:
    tail = Tail(directory)
    tail.new()
    with RunWriter.reopen(directory) as writer:
        writer.drop_after(1)

    assert [line.i for line in tail.new()] == [0, 1]


def test_a_line_that_is_none_is_passed_over(directory: Path) -> None:
    tail = Tail(directory)
    tail.new()
    with open(directory / paths.ITERATIONS, "ab") as file:
        file.write(b"?\n[]\n")
    add(directory, 3)

    assert [line.i for line in tail.new()] == [3]


def test_a_run_without_lines_yet_has_none(directory: Path) -> None:
    (directory / paths.ITERATIONS).unlink()

    assert Tail(directory).new() == []

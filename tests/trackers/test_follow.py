"""A run as a tool hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from iterun.errors import StoreError
from iterun.store.rows import Row
from iterun.store.schema import Iteration
from iterun.trackers import follow
from iterun.trackers.follow import Follower, tell
from iterun.trackers.places import absolute, default, outputs_of
from iterun.trackers.tracker import Tracker, about, numbers, plain, results

Told = list[tuple[str, Any]]


@dataclass(kw_only=True)
class Ear(Tracker):
    """Keeps what it is told."""

    place: str | None = None
    wait: float = 1.0
    known: int = -1
    heard: Told = field(default_factory=list)
    tool: ClassVar[str] = "ear"

    def begin(self, run: Row) -> int:
        self.heard.append(("begin", run.id))
        return self.known

    def iterations(self, lines: Sequence[Iteration]) -> None:
        self.heard.append(("lines", [line.i for line in lines]))

    def picture(self, name: str, i: int | None, path: Path) -> None:
        self.heard.append(("picture", (name, i)))

    def end(self, run: Row) -> None:
        self.heard.append(("end", run.state))


def test_a_run_is_told_in_order(run: Any) -> None:
    ear = Ear()

    assert tell(ear, run.directory) == 5
    assert ear.heard == [
        ("begin", "3f9a1c2b"),
        ("lines", [0, 1, 2, 3, 4]),
        ("picture", ("mask.png", 2)),
        ("end", "completed"),
    ]


def test_only_what_is_new_is_told(run: Any) -> None:
    follower = Follower(ear := Ear(), run.directory)

    follower.catch_up()
    follower.catch_up()
    run.grow(23.0, 22.0)
    follower.finish()

    assert [i for kind, i in ear.heard if kind == "lines"] == [[0, 1, 2, 3, 4], [5, 6]]


def test_what_the_tool_has_is_not_told_again(run: Any) -> None:
    ear = Ear(known=2)

    assert tell(ear, run.directory) == 2
    assert ("lines", [3, 4]) in ear.heard


def test_a_torn_line_waits_for_its_end(run: Any) -> None:
    follower = Follower(ear := Ear(), run.directory)
    with open(run.directory / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":5,"time":1.0,"sec')
        file.flush()
        follower.catch_up()
        file.write(b'onds":0.5}\n')
        file.flush()
        follower.catch_up()

    assert [i for kind, i in ear.heard if kind == "lines"] == [[0, 1, 2, 3, 4], [5]]


def test_a_line_that_is_no_iteration_is_an_error(run: Any) -> None:
    with open(run.directory / "iterations.jsonl", "ab") as file:
        file.write(b'{"i":"five"}\n')

    with pytest.raises(StoreError, match="no iteration"):
        tell(Ear(), run.directory)


def test_many_lines_come_in_pieces(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "AT_ONCE", 2)
    ear = Ear()

    assert tell(ear, run.directory) == 5
    assert [i for kind, i in ear.heard if kind == "lines"] == [[0, 1], [2, 3], [4]]


def test_a_picture_behind_a_link_is_not_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"secret")
    (run.directory / "artifacts" / "link.png").symlink_to(tmp_path / "secret.png")
    tell(ear := Ear(), run.directory)

    assert [what for kind, what in ear.heard if kind == "picture"] == [("mask.png", 2)]


@pytest.mark.parametrize("kept", [0, 7, 20])
def test_a_picture_that_is_none_does_not_keep_the_rest(run: Any, kept: int) -> None:
    picture = run.directory / "artifacts" / "0002" / "mask.png"
    picture.write_bytes(picture.read_bytes()[:kept])

    tell(ear := Ear(), run.directory)

    assert [kind for kind, _ in ear.heard] == ["begin", "lines", "end"]


def test_a_picture_too_large_to_be_unpacked_is_not_told(run: Any) -> None:
    picture = run.directory / "artifacts" / "0002" / "mask.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:16] + b"\0\1\0\0" * 2 + whole[24:])

    tell(ear := Ear(), run.directory)

    assert "picture" not in [kind for kind, _ in ear.heard]


def test_a_folder_takes_no_address() -> None:
    [fault] = Ear(place="https://wandb.ai").check()

    assert "https://wandb.ai is no folder" in fault.message


def test_numbers_of_an_iteration_have_names_of_their_own(run: Any) -> None:
    found = numbers(run.lines[0])

    assert found == {
        "ppl": 30.5, "fd@4": 0.0, "tokens": 0, "cost/peak_mem_mb": 512.0, "cost/seconds": 0.5,
    }  # fmt: skip


def test_the_row_says_where_a_run_came_from(run: Any) -> None:
    from iterun.store.rows import row_of

    row = row_of(run.directory)

    assert about(row)["parent"] == "0a0b0c0d@7"
    assert about(row)["sweep"] == "20261124-1015-sweep"
    assert about(row)["tags"] == "first, large"
    assert about(row)["note"] == "looks |good|"
    assert results(row) == {"result/ppl_dense": 20.25, "result/best": 24.25}
    assert plain(row.parameters)["rows"] == "[1,2]"
    assert plain(row.parameters)["window"] == "null"


def test_places_lie_beside_the_families(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "prune" / "perp" / "20261124-x"

    assert outputs_of(run, "prune/perp") == tmp_path / "outputs"
    assert outputs_of(tmp_path / "mine", "prune/perp") == tmp_path / "mine"
    assert default("mlflow", tmp_path) == str(tmp_path / ".trackers" / "mlflow")
    assert absolute("http://localhost:5000") == "http://localhost:5000"

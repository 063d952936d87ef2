"""`iterun tree`: which run came from which, whatever the records say."""

import json
import shutil
from typing import Any

import pytest

from iterun.analysis.lineage import family

T = "2026-11-24T10:15:0{}+01:00"


def parent(run: str, iteration: int = 7, **changes: list[Any]) -> dict[str, Any]:
    return {"run": run, "iteration": iteration, "signature": "s", "changes": changes}


@pytest.fixture
def four(runs: Any) -> Any:
    """A run, two forks, and a fork of one of them; and a run by itself."""
    runs("aaaa", created=T.format(1))
    runs("bbbb", created=T.format(2), parent=parent("aaaa", 7, **{"task.sparsity": [0.5, 0.8]}))
    runs("cccc", created=T.format(3), parent=parent("aaaa", 3), state="failed")
    runs("dddd", created=T.format(4), parent=parent("bbbb", 9, seed=[1, 2]), seed=2)
    runs("eeee", created=T.format(5))
    return runs


def test_forks_stand_below_their_parents_by_iteration(iterun: Any, four: Any) -> None:
    lines = [line[:12].rstrip() for line in iterun("tree").lines]

    assert lines == ["run", "aaaa", "├─@3 cccc", "└─@7 bbbb", "   └─@9 dddd"[:12]]


def test_changes_state_and_objective_are_beside_them(iterun: Any, four: Any) -> None:
    lines = [" ".join(line.split()) for line in iterun("tree").lines]

    assert "sparsity 0.5 → 0.8 completed ppl 26 25.5 at 1 1" in lines[3]
    assert "nothing failed" in lines[2]
    assert "seed 1 → 2" in lines[4]


def test_a_run_means_its_whole_family(iterun: Any, four: Any) -> None:
    ids = [row["id"] for row in json.loads(iterun("tree", "dddd", "--json").out)]
    assert ids == ["aaaa", "cccc", "bbbb", "dddd"]
    assert [row["id"] for row in json.loads(iterun("tree", "eeee", "--json").out)] == ["eeee"]
    assert len(json.loads(iterun("tree", "status=failed", "--json").out)) == 4


def test_a_parent_that_is_gone_is_shown_as_such(iterun: Any, four: Any) -> None:
    shutil.rmtree(four.made[0])

    lines = iterun("tree").lines

    assert lines[1].split() == ["aaaa", "gone"]
    assert lines[2].startswith("├─@3 cccc")


def test_circles_do_not_hang(iterun: Any, runs: Any) -> None:
    runs("aaaa", created=T.format(1), parent=parent("bbbb"))
    runs("bbbb", created=T.format(2), parent=parent("cccc"))
    runs("cccc", created=T.format(3), parent=parent("aaaa"))
    runs("self", created=T.format(4), parent=parent("self"))

    text = iterun("tree", "aaaa", "self").out

    assert "its parent self is a fork of it" in text
    assert "its parent bbbb is a fork of it" in text
    assert text.count("bbbb") == 2


def test_a_chain_of_any_length_is_drawn(runs: Any, iterun: Any) -> None:
    runs("r000")
    for n in range(1, 40):
        runs(f"r{n:03d}", parent=parent(f"r{n - 1:03d}"))

    lines = iterun("tree").lines

    assert len(lines) == 41
    assert all(len(line) <= 100 for line in lines)
    assert "r039" in lines[-1]


@pytest.mark.parametrize("columns", ["60", "200"])
def test_it_fits_the_screen(
    iterun: Any, four: Any, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)

    lines = iterun("tree").lines

    assert max(map(len, lines)) <= int(columns)
    assert ("best" in lines[0]) is (columns == "200")


def test_without_forks_it_says_what_makes_one(iterun: Any, runs: Any) -> None:
    runs("aaaa")

    answer = iterun("tree")

    assert (answer.status, answer.out) == (0, "")
    assert "iterun fork RUN@7" in answer.err


def test_what_a_record_says_is_neutralised(iterun: Any, runs: Any) -> None:
    evil = "\x1b[2J\u202e"
    runs("aaaa", parent={"run": evil, "iteration": 1, "changes": {evil: [evil], "b": 7}})
    runs("bbbb", parent={"run": "aaaa", "iteration": 2, "changes": [evil]})

    for words in (["tree"], ["tree", "--json"]):
        answer = iterun(*words)
        assert answer.status == 0
        assert answer.out.replace("\n", "").isprintable()


def test_a_thousand_circles_are_found_quickly() -> None:
    class Fake:
        def __init__(self, n: int) -> None:
            self.id, self.stamp = f"{n}", float(n)
            self.parent = {"run": f"{n ^ 1}", "iteration": 1}

    nodes = family([Fake(n) for n in range(2000)])  # type: ignore[misc]

    assert len(nodes) == 2000
    assert sum(node.is_cycle for node in nodes) == 1000


@pytest.mark.parametrize("command", ["tree", "verify", "report"])
def test_a_command_for_whole_runs_takes_no_iteration(iterun: Any, runs: Any, command: str) -> None:
    runs("a1")

    answer = iterun(command, "a1@1")

    assert answer.status == 2
    assert f"a1@1 names an iteration, and {command} takes whole runs" in answer.err

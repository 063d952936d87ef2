"""`iterun fork`: what changes is shown first; what can't be is one sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from iterun.__main__ import main

OWN = Path(__file__).parents[1] / "launch" / "mine"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six numbers, every checkpoint kept."""
    outputs = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITERUN_OUTPUTS", str(outputs))
        patch.syspath_prepend(str(OWN))
        words = ["--config-dir", str(OWN / "conf"), "task=mine/count", "checkpoint=all", "--quiet"]
        main([*words, "task.to=6"])
    return next(outputs.glob("mine/count/*"))


@pytest.fixture
def parent(original: Path, tmp_path: Path) -> str:
    """The id of a copy of it."""
    shutil.copytree(original, tmp_path / "outputs/mine/count" / original.name)
    return str(json.loads((original / "run.json").read_bytes())["id"])


def test_changes_are_shown_before_it_starts(iterun: Any, parent: str) -> None:
    answer = iterun("fork", f"{parent}@4", "task.by=2", "seed=3", "tags=[a]")

    lines = answer.err.splitlines()
    assert answer.status == 0
    assert lines[:4] == [
        f"fork of {parent}@4  mine/count",
        "  task.by  1 → 2",
        "  seed     0 → 3",
        "  tags     [] → [a]",
    ]
    assert "begin anew after iteration 4" in lines[4]
    assert "total  8   best 8 at 6" in answer.out


def test_a_fork_without_changes_says_so(iterun: Any, parent: str) -> None:
    assert "nothing changes" in iterun("fork", f"{parent}@4").err


def test_several_values_are_several_forks(iterun: Any, parent: str) -> None:
    answer = iterun("fork", f"{parent}@4", "-m", "task.by=2,3", "seed=1,2", "--quiet")

    rows = json.loads(iterun("ls", "--json").out)
    assert (answer.status, len(answer.lines)) == (0, 4)
    assert sorted((r["parameters"]["by"], r["seed"]) for r in rows if r["parent"]) == [
        (2, 1), (2, 2), (3, 1), (3, 2),
    ]  # fmt: skip


def test_of_several_none_is_made_unless_all_can_be(iterun: Any, parent: str) -> None:
    answer = iterun("fork", f"{parent}@4", "-m", "task.by=2,-1")

    assert (answer.status, "does not count up" in answer.err) == (2, True)
    assert len(json.loads(iterun("ls", "--json").out)) == 1


def test_several_values_need_the_flag(iterun: Any, parent: str) -> None:
    answer = iterun("fork", parent, "task.by=2,3")

    assert answer.status == 2
    assert "hint: add -m for a fork each; a list is 'task.by=[2,3]'" in answer.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "fork needs a run"),
        (["a", "b"], "fork takes one run, not 2: a, b"),
        (["nosuchrun", "task.by=2"], "no run is called 'nosuchrun'"),
        (["@-1@99"], "has no iteration 99: its last one is 6"),
        (["@-1", "task.bye=2"], "mine/count has no setting bye"),
        (["@-1", "task=prune/perp"], "would be another system"),
        (["@-1", "~task.by"], "nothing can be taken away"),
        (["@-1", "task.by"], "fork takes one run, not 2: @-1, task.by"),
    ],
)
def test_what_can_not_be_is_said(iterun: Any, parent: str, words: list[str], said: str) -> None:
    answer = iterun("fork", *words)

    assert answer.status == 2
    assert said in answer.err
    assert "hint: " in answer.err


def test_json_begins_with_what_changes(iterun: Any, parent: str) -> None:
    events = [json.loads(line) for line in iterun("fork", f"{parent}@4", "seed=3", "--json").lines]

    assert events[0]["event"] == "fork"
    assert (events[0]["run"], events[0]["iteration"]) == (parent, 4)
    assert events[0]["changes"] == {"seed": [0, 3]}
    assert (events[-1]["event"], events[-1]["state"]) == ("ended", "completed")


def test_the_folder_with_groups_is_the_parents(iterun: Any, parent: str) -> None:
    """A fork of a fork knows them too, though the line names no folder."""
    iterun("fork", f"{parent}@4", "task.by=2", "--quiet")

    assert "did you mean task.mode?" in iterun("fork", "@-1", "task.mood=down").err
    assert iterun("fork", "@-1@5", "stop=[patience]", "stop.iterations=8").status == 0


def test_tab_offers_runs_then_the_systems_settings(iterun: Any, parent: str) -> None:
    from iterun.cli.complete import candidates

    assert parent in [word for word, _ in candidates(["fork"], "")]
    offered = [word for word, _ in candidates(["fork", parent], "stop.it")]
    assert offered == ["stop.iterations="]

"""`iterun resume` of runs that fit conditions: each that can goes on, each that can't is said."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from iterun.__main__ import main

OWN = Path(__file__).parents[1] / "launch" / "mine"


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that ended early, one that failed, and a whole one."""
    outputs = tmp_path_factory.mktemp("originals")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITERUN_OUTPUTS", str(outputs))
        patch.syspath_prepend(str(OWN))
        words = ["--config-dir", str(OWN / "conf"), "task=mine/count", "task.to=4"]
        for more in (["stop.iterations=2"], ["task.fail_at=3", "seed=1"], ["seed=2"]):
            main([*words, "checkpoint=all", "--quiet", *more])
    return outputs


@pytest.fixture
def ids(originals: Path, tmp_path: Path) -> list[str]:
    """Copies of them, to be gone on with: stopped, failed, whole."""
    outputs = Path(shutil.copytree(originals, tmp_path / "outputs"))
    records = [json.loads(path.read_bytes()) for path in outputs.glob("*/*/*/run.json")]
    return [str(record["id"]) for record in sorted(records, key=lambda record: record["seed"])]


def done(iterun: Any) -> dict[str, int]:
    return {row["id"]: row["iterations"] for row in json.loads(iterun("ls", "--json").out)}


def test_those_that_fit_go_on_and_one_that_fails_keeps_none_back(
    iterun: Any, ids: list[str]
) -> None:
    answer = iterun("resume", "task=mine/count", "status=failed,completed", "stop.iterations=null")

    assert answer.status == 1
    assert "3 runs to go on with: " in answer.err
    assert "lost count" in answer.err
    assert done(iterun) == {ids[0]: 4, ids[1]: 2, ids[2]: 4}


def test_a_completed_run_is_left_out_unless_its_end_is_set_anew(
    iterun: Any, ids: list[str]
) -> None:
    answer = iterun("resume", "task=mine/count", "--dry-run")

    assert [line.split()[0] for line in answer.lines] == ["id", ids[1]]
    assert "left out: 2 runs that are completed" in answer.err
    assert iterun("resume", "seed=0").err.endswith("no run is left to go on with\n")
    assert iterun("resume", "seed=0", "--dry-run").out == ""
    assert iterun("resume", "seed=0", "--dry-run", "--json").out == "[]\n"


def test_a_dry_run_says_where_from_and_does_nothing(iterun: Any, ids: list[str]) -> None:
    rows = json.loads(iterun("resume", ids[0], ids[1], "--dry-run", "--json").out)

    assert [(row["id"], row["state"], row["from"]) for row in rows] == [
        (ids[0], "completed", "2"), (ids[1], "failed", "2"),
    ]  # fmt: skip
    assert done(iterun)[ids[0]] == 2


def test_one_that_can_not_go_on_is_said_and_the_others_do(
    iterun: Any, ids: list[str], tmp_path: Path
) -> None:
    [broken] = (tmp_path / "outputs/mine/count").glob(f"*{ids[1]}")
    (broken / "config.json").write_text("{}")

    answer = iterun("resume", ids[1], ids[0], "stop.iterations=null")

    assert answer.status == 2
    assert f"{ids[1]} can't go on" in answer.err
    assert "config.json" in answer.err
    assert done(iterun)[ids[0]] == 4


def test_beside_a_name_everything_else_is_a_setting(iterun: Any, ids: list[str]) -> None:
    answer = iterun("resume", ids[0], "seed=2")

    assert (answer.status, done(iterun)[ids[0]]) == (2, 2)
    assert f"iterun fork {ids[0]} seed=2" in answer.err


@pytest.mark.parametrize("words", [["status=lost"], [], ["stop.iterations=5"]])
def test_no_run_is_meant(iterun: Any, ids: list[str], words: list[str]) -> None:
    answer = iterun("resume", *words)

    assert (answer.status, "hint: " in answer.err) == (2, True)

"""`iterun verify`: one verdict, whatever the number of runs."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from iterun.__main__ import main

OWN = Path(__file__).parents[1] / "launch" / "mine"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four numbers, every checkpoint kept."""
    outputs = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITERUN_OUTPUTS", str(outputs))
        patch.syspath_prepend(str(OWN))
        words = ["--config-dir", str(OWN / "conf"), "task=mine/count", "checkpoint=all", "--quiet"]
        main([*words, "task.to=4"])
    return next(outputs.glob("mine/count/*"))


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    folder = tmp_path / "outputs/mine/count" / original.name
    return Path(shutil.copytree(original, folder))


def spoil(directory: Path) -> None:
    """As if numbers had come out otherwise, with another numpy."""
    path = directory / "iterations.jsonl"
    path.write_text(path.read_text().replace('"total":3.0', '"total":3.0000000000000004'))
    record = json.loads((directory / "run.json").read_bytes())
    record["packages"]["numpy"] = "1.0"
    (directory / "run.json").write_text(json.dumps(record))


def test_an_equal_run(iterun: Any, run: Path) -> None:
    answer = iterun("verify", "@-1")

    assert answer.status == 0
    assert "equal  iterations 1 to 4, bit for bit" in answer.out
    assert "[4/4] total=4" in answer.err


def test_a_run_that_differs_says_where_how_much_and_why(iterun: Any, run: Path) -> None:
    spoil(run)

    answer = iterun("verify", "@-1")

    lines = [" ".join(line.split()) for line in answer.lines]
    assert (answer.status, lines[0].partition(" mine")[2]) == (
        1, "/count differs from iteration 3 on",
    )  # fmt: skip
    assert lines[2] == "total 3 3.0000000000000004 3.0 4.4e-16 (1e-16 of it)"
    assert lines[3].startswith("likely cause numpy: 1.0 → ")
    assert "[4/4]" not in answer.err


def test_a_difference_that_nothing_explains(iterun: Any, run: Path) -> None:
    path = run / "iterations.jsonl"
    path.write_text(path.read_text().replace('"total":3.0', '"total":5.0'))

    text = " ".join(iterun("verify", "@-1", "--quiet").out.split())

    assert "Nothing that is recorded has changed" in text


def test_all_differences_make_a_table(iterun: Any, run: Path) -> None:
    spoil(run)
    path = run / "iterations.jsonl"
    path.write_text(path.read_text().replace('"total":4.0', '"total":9.0'))

    lines = [" ".join(line.split()) for line in iterun("verify", "@-1", "--all").lines]

    assert lines[1] == "metric at recorded now difference times largest"
    assert lines[2].endswith("2 5 at 4")


def test_several_runs_are_a_table(iterun: Any, run: Path, own: list[str]) -> None:
    spoil(run)
    iterun(*own, "task.to=2", "--quiet")

    answer = iterun("verify", "task=mine/count")

    lines = [" ".join(line.split()) for line in answer.lines]
    assert answer.status == 1
    equal, differing = sorted(lines[1:3], key=lambda text: "differs" in text)
    assert equal.endswith("mine/count equal")  # made in one second, they come in any order
    assert "differs 3 total 4.4e-16 (1e-16 of it) numpy: 1.0" in differing
    assert "1 of 2 runs equal" in answer.err


def test_one_that_can_not_be_computed_does_not_keep_the_others(
    iterun: Any, run: Path, own: list[str]
) -> None:
    iterun(*own, "task.to=2", "--quiet")
    (run / "config.json").write_text("{}")

    answer = iterun("verify", "task=mine/count", "--quiet")

    assert answer.status == 2
    assert ["equal" in line or "refused" in line for line in answer.lines[1:]] == [True, True]
    assert "has no task" in answer.err


def test_json_is_an_object_or_a_list(iterun: Any, run: Path) -> None:
    spoil(run)

    one = json.loads(iterun("verify", "@-1", "--json").out)
    several = json.loads(iterun("verify", "task=mine/count", "seed=0", "--json").out)

    assert (one["equal"], one["reached"]) == (False, 3)
    assert one["differences"][0]["name"] == "total"
    assert one["causes"][0]["what"] == "numpy"
    assert several == one


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "verify needs a run"),
        (["@-1", "--upto", "9"], "has no iteration 9"),
        (["nono"], "nono"),
    ],
)
def test_what_can_not_be_verified(iterun: Any, run: Path, words: list[str], said: str) -> None:
    answer = iterun("verify", *words)

    assert (answer.status, said in answer.err, answer.out) == (2, True, "")


def test_the_kept_replay_is_named(
    iterun: Any, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    answer = iterun("verify", "@-1", "--keep", "--quiet")

    kept = Path(answer.err.strip().removeprefix("kept: "))
    assert (kept / "iterations.jsonl").is_file()

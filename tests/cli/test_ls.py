"""`iterun ls`: what tells runs apart, at every width, as a table, JSON or CSV."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from iterun.store.rows import row_of
from iterun.store.schema import encode


@pytest.fixture
def three(runs: Any) -> None:
    runs("aaaa0001", seed=1, created="2026-11-20T10:00:00+01:00", ppl=[30.0, 26.25, 26.5])
    runs("bbbb0002", seed=2, created="2026-11-21T10:00:00+01:00", parameters={"sparsity": 0.7})
    runs("cccc0003", seed=3, state="failed", created="2026-11-22T10:00:00+01:00", ppl=[30.0])


def test_newest_first_with_what_differs(iterun: Any, three: None) -> None:
    answer = iterun("ls", "--columns", "id,state,seed,sparsity,ppl,best")

    assert answer.status == 0
    assert answer.lines == [
        "id        state      seed  sparsity   ppl   best",
        "cccc0003  failed        3       0.5  30.0",
        "bbbb0002  completed     2       0.7  26.0  25.50",
        "aaaa0001  completed     1       0.5  26.5  26.25",
    ]


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_a_row_is_never_wrapped(
    columns: int, iterun: Any, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    lines = iterun("ls").lines

    assert len(lines) == 4
    assert all(len(line) <= columns for line in lines)
    assert [line[:8] for line in lines[1:]] == ["cccc0003", "bbbb0002", "aaaa0001"]


def test_what_has_no_room_is_said_with_what_all_share(
    iterun: Any, three: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")

    answer = iterun("ls")

    assert "system prune/perp" in answer.err
    assert "no room for best" in answer.err


def test_a_parameter_that_differs_gets_a_column(iterun: Any, three: None) -> None:
    assert "sparsity" in iterun("ls").lines[0]
    assert "sparsity" not in iterun("ls", "sparsity=0.5", "seed=1").lines[0]


def test_runs_of_several_systems_share_one_column_of_parameters(iterun: Any, runs: Any) -> None:
    runs("aaaa0001", parameters={"sparsity": 0.5})
    runs("bbbb0002", parameters={"sparsity": 0.7})
    runs("cccc0003", system="learn/mra", family="learn", parameters={"rounds": 3})

    text = iterun("ls").out

    assert "sparsity=0.5" in text
    assert "rounds" not in text


@pytest.mark.parametrize("columns", [40, 80])
def test_the_objective_s_number_outlasts_the_parameters(
    columns: int, iterun: Any, runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    runs("aaaa0001", parameters={"criterion": "magnitude", "sparsity": 0.5})
    runs("bbbb0002", parameters={"criterion": "random", "sparsity": 0.7}, model="smollm2-135m")
    objective = {"metric": "solved_frac", "goal": "max"}
    path = runs("cccc0003", system="refine/coloring", family="refine", objective=objective)
    for file in ("iterations.jsonl", "summary.json"):
        text = (path / file).read_text().replace('"ppl":26.0', '"solved_frac":0.875')
        (path / file).write_text(text)

    assert "solved_frac 0.875" in iterun("ls").out


def test_filters_sort_and_limit(iterun: Any, three: None) -> None:
    ids = ["--columns", "id"]

    assert iterun("ls", "status=completed", *ids).lines[1:] == ["bbbb0002", "aaaa0001"]
    assert iterun("ls", "--sort", "ppl", *ids).lines[1:] == ["bbbb0002", "aaaa0001", "cccc0003"]
    assert iterun("ls", "--reverse", "-n", "1", *ids).lines[1:] == ["aaaa0001"]
    assert "2 of 3 runs; --all" in iterun("ls", "-n", "2").err


def test_json_is_whole_and_csv_flat(iterun: Any, three: None) -> None:
    rows = json.loads(iterun("ls", "--json").out)
    table = list(csv.DictReader(io.StringIO(iterun("ls", "--csv").out)))

    assert [row["id"] for row in rows] == ["cccc0003", "bbbb0002", "aaaa0001"]
    assert rows[1]["last"]["ppl"] == 26.0
    assert table[1]["metrics.ppl"] == "26.0"
    assert table[1]["task.sparsity"] == "0.7"
    assert (table[2]["best"], table[2]["best_i"]) == ("26.25", "1")


def test_nothing_recorded_acts_on_the_terminal(iterun: Any, runs: Any) -> None:
    evil = "\x1b]0;owned\x07[red]\u202e"
    runs("aaaa0001", parameters={"note": evil, evil: 1})
    runs("bbbb0002", model="m" + evil, parameters={"note": "b"}, error=evil, state="failed")

    for words in (["ls"], ["ls", "--columns", "id,note,model,error"], ["ls", "--json"]):
        answer = iterun(*words)
        assert answer.out.replace("\n", "").isprintable()
        assert "[red]" in answer.out


def test_unreadable_directories_are_named_and_left_out(iterun: Any, runs: Any) -> None:
    runs("aaaa0001")
    (runs("bbbb0002") / "run.json").write_text("{")

    answer = iterun("ls")

    assert (answer.status, len(answer.lines)) == (0, 2)
    assert "left out: " in answer.err
    assert "run.json can't be read" in answer.err


def test_no_runs_and_no_fitting_ones(iterun: Any, runs: Any, tmp_path: Path) -> None:
    assert "hint: iterun task=prune makes one" in iterun("ls").err

    runs("aaaa0001")

    assert "none of 1 run below" in iterun("ls", "seed=9").err
    assert json.loads(iterun("ls", "seed=9", "--json").out) == []
    assert "no runs below" in iterun("--outputs", str(tmp_path / "x"), "ls").err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["sparsty>0.5"], "called 'sparsty'", "did you mean sparsity"),
        (["status=complete"], "no state 'complete'", "completed"),
        (["since=yesterday"], "names no time", "2d"),
        (["--sort", "pl"], "called 'pl'", "ppl"),
        (["--columns", "id,sead"], "no run has 'sead'", "seed"),
        (["-n", "0"], "at least one row", "--all"),
        (["-n", "many"], "'many' is not a whole number", "--help"),
        (["--colums", "id"], "no such option: --colums", "--columns"),
    ],
)
def test_bad_input_names_what_is_near(
    words: list[str], said: str, hint: str, iterun: Any, three: None
) -> None:
    answer = iterun("ls", *words)

    assert answer.status == 2
    assert said in answer.err
    assert hint in answer.err.partition("hint: ")[2]
    assert answer.out == ""


def test_json_of_a_run_that_ended_is_what_its_row_says(iterun: Any, runs: Any) -> None:
    """Its body goes from the index to the screen unparsed."""
    path = runs("aaaa", error="\x1b[31m half \ud800 NaN", parameters={"x": float("nan"), "n": None})
    iterun("note", "aaaa", 'quote " and \u202e back')

    answer = iterun("ls", "--json")

    assert answer.out.isascii() or answer.out.replace("\n", "").isprintable()
    assert json.loads(answer.out) == [json.loads(encode(row_of(path).to_json()))]

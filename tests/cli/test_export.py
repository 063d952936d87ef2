"""`iterun export`: tables for other programs, runs for other tools."""

import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from iterun.analysis.iterations import Table, write_csv
from iterun.store.rows import row_of
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

Iterun = Callable[..., Any]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_a_row_an_iteration(iterun: Iterun, runs: Any) -> None:
    runs("aaaa1111", ppl=[30.0, 25.5])
    runs("bbbb2222", ppl=[31.0], seed=2)

    answer = iterun("export", "aaaa", "bbbb", "--to", "csv")

    rows = table(answer.out)
    assert answer.status == 0
    found = [(row["id"][0], row["seed"], row["i"], row["ppl"]) for row in rows]
    assert found == [("a", "1", "0", "30.0"), ("a", "1", "1", "25.5"), ("b", "2", "0", "31.0")]
    assert list(rows[0])[:7] == ["id", "system", "signature", "seed", "i", "time", "seconds"]
    assert "3 rows of 2 runs" in answer.err


def test_what_an_iteration_does_not_have_is_empty(iterun: Iterun, tmp_path: Path) -> None:
    made(tmp_path, [{"a": 1.5}, {"b": math.nan, "seconds": 9.0}])

    first, second = table(iterun("export", "c0ffee11").out)

    assert (first["a"], first["b"], second["a"], second["b"]) == ("1.5", "", "", "nan")
    assert (second["seconds"], second["metrics.seconds"]) == ("0.5", "9.0")
    assert (second["cost.ms"], second["label.phase"]) == ("3.0", "warm, and\ndry")


def made(tmp_path: Path, metrics: list[dict[str, float]]) -> Path:
    """A run of these metrics, with a cost and a label that CSV has to quote."""
    record = RunRecord(
        id="c0ffee11", system="prune/perp", family="prune", signature="5e1f", seed=1,
        created="2026-11-24T10:15:00+01:00",
    )  # fmt: skip
    directory = tmp_path / "outputs" / "prune" / "perp" / "20261124-101500-x-c0ffee11"
    with RunWriter.create(directory, record=record, config={"task": {}}) as writer:
        for i, found in enumerate(metrics):
            writer.append(
                i, seconds=0.5, metrics=found, cost={"ms": 3.0},
                labels={"phase": "warm, and\ndry"}, files=[],
            )  # fmt: skip
        writer.status("interrupted", iteration=len(metrics) - 1)
    return directory


def test_a_row_a_run_is_what_ls_gives(iterun: Iterun, runs: Any) -> None:
    runs("aaaa1111", parameters={"sparsity": 0.6})
    runs("bbbb2222", parameters={"sparsity": 0.7})

    answer = iterun("export", "task=prune", "--what", "runs")

    assert table(answer.out) == table(iterun("ls", "task=prune", "--csv").out)
    assert {row["task.sparsity"] for row in table(answer.out)} == {"0.6", "0.7"}


def test_a_file_is_replaced_whole(iterun: Iterun, runs: Any, tmp_path: Path) -> None:
    runs("aaaa1111", ppl=[30.0])
    out = tmp_path / "table.csv"
    out.write_text("older")

    answer = iterun("export", "@-1", "--out", str(out))

    assert answer.lines == [f"1 row of 1 run  {out}"]
    assert table(out.read_text())[0]["ppl"] == "30.0"
    assert {path.name for path in tmp_path.iterdir()} == {"table.csv", "outputs"}


@pytest.mark.parametrize("what", ["iterations", "runs"])
def test_parquet_has_the_same_rows(iterun: Iterun, runs: Any, tmp_path: Path, what: str) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    runs("aaaa1111", ppl=[30.0, math.inf], parameters={"sparsity": 0.5, "rows": [1, 2]})
    runs("bbbb2222", ppl=[31.0], parameters={"sparsity": 0.6})
    out = str(tmp_path / "table.parquet")

    assert (
        iterun("export", "task=prune", "--to", "parquet", "--what", what, "--out", out).status == 0
    )
    rows = parquet.read_table(out).to_pylist()
    name = "ppl" if what == "iterations" else "task.sparsity"
    found = [(row["id"], row[name]) for row in rows]
    if what == "runs":
        assert found == [("aaaa1111", 0.5), ("bbbb2222", 0.6)]
    else:
        assert found == [("aaaa1111", 30.0), ("aaaa1111", math.inf), ("bbbb2222", 31.0)]


def test_json_says_what_was_written(iterun: Iterun, runs: Any, tmp_path: Path) -> None:
    runs("aaaa1111", ppl=[30.0, 25.0])
    out = tmp_path / "table.csv"

    report = json.loads(iterun("export", "@-1", "--out", str(out), "--json").out)

    assert (report["to"], report["out"], report["runs"], report["rows"]) == ("csv", str(out), 1, 2)
    assert "ppl" in report["columns"]


def test_a_run_that_can_not_be_read_is_left_out(iterun: Iterun, runs: Any) -> None:
    runs("aaaa1111", ppl=[30.0])
    bad = runs("bbbb2222", ppl=[31.0])
    (bad / "iterations.jsonl").write_text('{"i": 0}\n{"i": 1, "time": 1.0, "seconds": 0.5}\n')

    answer = iterun("export", "task=prune")

    assert [row["id"] for row in table(answer.out)] == ["aaaa1111"]
    assert "left out:" in answer.err
    assert "1 row of 1 run" in answer.err


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        ([], "export needs runs", "iterun export @-1"),
        (["@-1@1"], "is one iteration", "iterun export aaaa1111"),
        (["@-1", "--to", "parquet"], "needs a file", "--out iterations.parquet"),
        (["@-1", "--json"], "needs a file", "--out iterations.csv"),
        (["@-1", "--to", "mlflow", "--what", "runs"], "takes whole runs", "--to csv"),
        (["@-1", "--out", "no/such/folder/x.csv"], "is in no folder", "--out iterations.csv"),
        (["@-1", "--out", "."], "is a folder", "--out iterations.csv"),
        (["@-1", "--out", "/dev/null"], "is a device", "--out iterations.csv"),
        (["@-1", "--out", "x" * 300], "file name too long", "--out iterations.csv"),
        (["@-1", "--out", f"{__file__}/x"], "is in no folder", "--out iterations.csv"),
        (["task=nothing"], "no run fits", "iterun ls"),
    ],
)
def test_what_can_not_be_done_is_said(
    iterun: Iterun, runs: Any, words: list[str], said: str, hint: str
) -> None:
    runs("aaaa1111", ppl=[30.0])

    answer = iterun("export", *words)

    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert hint in answer.err


@pytest.mark.parametrize("below", ["", "/x/y"])
def test_a_file_in_the_way_of_a_tools_folder_is_said_once(
    iterun: Iterun, runs: Any, tmp_path: Path, below: str
) -> None:
    pytest.importorskip("tensorboard")
    runs("aaaa1111", ppl=[30.0])
    (tmp_path / "file").touch()

    answer = iterun("export", "@-1", "--to", "tensorboard", "--out", f"{tmp_path}/file{below}")

    assert answer.status == 2
    assert f"{tmp_path}/file is no folder" in answer.err.replace("\n", "")


def test_what_a_run_records_meanwhile_does_no_harm(tmp_path: Path) -> None:
    directory = made(tmp_path, [{"a": 1.5}])
    found = Table([row_of(directory)])
    with RunWriter.reopen(directory) as writer:
        writer.append(1, seconds=0.5, metrics={"new": 1.0}, cost={}, labels={}, files=[])

    write_csv(stream := io.StringIO(), found.columns, found.rows())

    assert [row["a"] for row in table(stream.getvalue())] == ["1.5", ""]


def test_a_run_that_goes_between_two_looks_is_left_out(tmp_path: Path) -> None:
    directory = made(tmp_path, [{"a": 1.5}])
    found = Table([row_of(directory)])
    shutil.rmtree(directory)

    assert list(found.rows()) == []
    assert len(found.problems) == 1


HUGE = [{"whole": 10**400, "half\ud800": 1.0, "größe": 1.0}]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_half_a_character_becomes_a_question_mark(tmp_path: Path, encoding: str) -> None:
    found = Table([row_of(made(tmp_path, HUGE))])
    stream = io.TextIOWrapper(io.BytesIO(), encoding)

    write_csv(stream, found.columns, found.rows())

    assert "half?" in found_text(stream)


def found_text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("what", ["iterations", "runs"])
def test_parquet_holds_numbers_beyond_64_bits(
    iterun: Iterun, runs: Any, tmp_path: Path, what: str
) -> None:
    pytest.importorskip("pyarrow")
    from pyarrow import parquet

    runs("aaaa1111", ppl=[10**400], seed=2**80, parameters={"n": 2**70})
    out = str(tmp_path / "table.parquet")

    iterun("export", "aaaa", "--to", "parquet", "--what", what, "--out", out)

    [row] = parquet.read_table(out).to_pylist()
    if what == "iterations":
        assert (row["seed"], row["ppl"]) == (str(2**80), math.inf)
    else:
        assert row["task.n"] == 2.0**70


def test_an_unknown_target_is_refused(iterun: Iterun) -> None:
    answer = iterun("export", "@-1", "--to", "mlfow")

    assert answer.status == 2
    assert "--to mlflow" in answer.err


@pytest.mark.parametrize("package", ["tensorboard", "mlflow", "wandb", "trackio"])
def test_a_missing_package_names_its_extra(
    iterun: Iterun, runs: Any, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    runs("aaaa1111", ppl=[30.0])
    monkeypatch.setitem(sys.modules, package, None)  # as an import takes it: not there

    answer = iterun("export", "@-1", "--to", package)

    assert answer.status == 2
    assert f'pip install "iterun[{package}]"' in answer.err


@pytest.mark.slow
def test_runs_are_told_to_tensorboard(iterun: Iterun, runs: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    runs("aaaa1111", ppl=[30.0, 25.0])
    runs("bbbb2222", ppl=[31.0], state="interrupted")

    answer = iterun("export", "task=prune", "--to", "tensorboard")

    place = tmp_path / "outputs" / ".trackers" / "tensorboard"
    assert answer.lines == [f"2 runs, 3 iterations  {place}"]
    assert f"tensorboard --logdir {place}" in answer.err
    assert len(list(place.glob("prune/perp/*/events.out.tfevents.*"))) == 2
    again = json.loads(iterun("export", "aaaa", "--to", "tensorboard", "--json").out)
    assert again["runs"] == [{"id": "aaaa1111", "iterations": 2}]


@pytest.mark.slow
def test_a_run_that_fails_does_not_keep_the_others(
    iterun: Iterun, runs: Any, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    runs("aaaa1111", ppl=[30.0])
    bad = runs("bbbb2222", ppl=[31.0])
    (bad / "iterations.jsonl").write_text('{"i": "\\u001b[31m"}\n')

    answer = iterun("export", "task=prune", "--to", "tensorboard")

    assert answer.status == 1
    assert "not exported: bbbb2222" in answer.err
    assert "1 run, 1 iteration" in answer.out

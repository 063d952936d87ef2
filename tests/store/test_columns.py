"""Some numbers of all iterations: cut out of our own lines, or parsed, and always the same."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iterun.errors import StoreError
from iterun.store import columns, paths
from iterun.store.columns import read_columns
from iterun.store.lines import IterationFormat
from iterun.store.reader import RunView
from iterun.store.schema import RunRecord
from iterun.store.writer import RunWriter

NAMES = ["ppl", "lr", "ms", "seconds", "cost.lr", "metrics.lr", "nothing", 'a"b', "a.b*"]
INF, NAN = float("inf"), float("nan")


def written(folder: Path, *lines: dict[str, Any]) -> Path:
    record = RunRecord(
        id="3f9a", system="prune/perp", family="prune", signature="5e1f", seed=1,
        created="2026-11-24T10:15:00+01:00",
    )  # fmt: skip
    with RunWriter.create(folder / "run", record=record, config={}) as writer:
        for i, line in enumerate(lines):
            writer.append(i, **{"seconds": 0.25, "metrics": {}, **line})
        writer.status("completed")
    return folder / "run"


@pytest.mark.parametrize(
    "line",
    [
        {"metrics": {"ppl": 2.5, "lr": 1e-05}, "cost": {"ms": 3, "lr": 7.0}},
        {"metrics": {"ppl": INF, "lr": NAN}, "cost": {"lr": -INF}},
        {"metrics": {'x"ppl': 1.0, "xppl": 2.0, 'a"b': -3.0, "a.b*": 4}},
        {"metrics": {"ppl": 1.0}, "labels": {"ppl": "train", "phase": '"ppl":3'}},
        {"metrics": {"ppl": 1.0}, "files": ["artifacts/0001/a.png"]},
        {"metrics": {"{ppl}": 1.0, "ppl": 2.0}},
        {"metrics": {}, "cost": {"ppl": 5.0, "seconds": 9.0}},
    ],
)
def test_numbers_cut_out_of_lines_are_those_that_are_parsed(
    tmp_path: Path, line: dict[str, Any]
) -> None:
    run = written(tmp_path, {"metrics": {"ppl": 1.0}}, line, {"metrics": {"lr": 2.0}})

    found = read_columns(run, NAMES)

    assert repr(found) == repr(columns._parsed(RunView(run).iterations(), NAMES))


ODD = ["a", "é", "NaN", "a,", ":1,", ':1,"', ":2,w", '"', "\\", "\\u0061", "\ud800", "\n", "{"]
names = st.sampled_from([*ODD, "a b", ""]) | st.text(max_size=5)
measures = st.dictionaries(names, st.floats() | st.integers(), max_size=4)
some_lines = st.lists(
    st.tuples(measures, measures, st.dictionaries(names, names, max_size=2)), max_size=4
)


@given(some_lines, st.lists(names, max_size=4))
def test_whatever_names_there_are_both_ways_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, lines: list[Any], asked: list[str]
) -> None:
    run, form = tmp_path_factory.mktemp("run"), IterationFormat()
    raw = [
        form.line(i, seconds=0.25, metrics=m, cost=c, labels=labels, files=())
        for i, (m, c, labels) in enumerate(lines)
    ]
    (run / paths.ITERATIONS).write_bytes(b"".join(raw))
    asked = [*asked, *(name for m, c, _ in lines for name in (*m, *c)), "a", ":1,"]

    found = read_columns(run, asked)

    assert repr(found) == repr(columns._parsed(RunView(run).iterations(), asked))


def test_our_own_lines_are_not_parsed(tmp_path: Path) -> None:
    run = written(tmp_path, {"metrics": {"ppl": 1.0}, "cost": {"ms": 2.0}}, {"labels": {"a": "b"}})

    assert columns._taken_apart(RunView(run), ["ppl"]) is not None


@pytest.mark.parametrize("tail", [b'{"i":1,"ti', b"\n", b'x{"i":1,"time":1,"seconds":1}\n'])
def test_a_torn_end_is_passed_over(tmp_path: Path, tail: bytes) -> None:
    run = written(tmp_path, {"metrics": {"ppl": 1.0}})
    with open(run / paths.ITERATIONS, "ab") as file:
        file.write(tail)

    assert read_columns(run, ["ppl"]).values["ppl"] == [1.0]


def test_a_line_garbled_in_the_middle_is_told(tmp_path: Path) -> None:
    run = written(tmp_path, {"metrics": {"ppl": 1.0}}, {"metrics": {"ppl": 2.0}})
    path = run / paths.ITERATIONS
    path.write_bytes(b"?" + path.read_bytes())

    with pytest.raises(StoreError, match="line 1"):
        read_columns(run, ["ppl"])


def test_a_run_without_a_line_has_no_numbers(tmp_path: Path) -> None:
    assert read_columns(written(tmp_path), ["ppl"]).values == {"ppl": []}

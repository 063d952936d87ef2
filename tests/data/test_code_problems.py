"""Programming problems: those of the package, HumanEval and MBPP from files, what is refused."""

from __future__ import annotations

import ast
import doctest
import gzip
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from iterun.data import table_files
from iterun.data.code_bank import ledgers, sequences
from iterun.data.code_problems import embedded, examples, literal_arguments, stub
from iterun.data.code_sets import compares_values, humaneval, mbpp
from iterun.errors import ConfigError
from iterun.types import Dataset

EVAL = {
    "task_id": "HumanEval/7",
    "prompt": "import math\n\n"
    'def twice(x: int) -> int:\n    """Double it.\n    >>> twice(2)\n    4\n    """\n',
    "entry_point": "twice",
    "canonical_solution": "    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(1) == 2\n",
}
MBPP = {
    "task_id": 11,
    "text": "Write a function\r\n to double.",
    "code": "def helper(x):\r\n    return x\r\ndef twice(x): \r\n    return 2 * helper(x)",
    "test_list": ["assert twice(1) == 2", "assert twice(-3) == -6"],
    "test_setup_code": "ZERO = 0",
    "challenge_test_list": ["assert twice(ZERO) == 0"],
}


def written(folder: Path, *rows: dict, name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("module", [sequences, ledgers])
def test_every_visible_example_is_true(module):
    done = doctest.testmod(module)

    assert done.failed == 0
    assert done.attempted >= 2 * len(module.INPUTS)


def test_there_are_twelve_problems_to_test_on_and_four_to_choose_by():
    test, dev = embedded().test, embedded(split="dev").test

    assert (len(test), len(dev)) == (12, 4)
    assert not {one.id for one in test} & {one.id for one in dev}
    assert isinstance(embedded(), Dataset)
    assert embedded().fingerprint != embedded(split="dev").fingerprint


@pytest.mark.parametrize("problem", [*embedded().test, *embedded().dev], ids=lambda one: one.id)
def test_a_task_shows_examples_and_neither_code_nor_hidden_inputs(problem):
    shown = ast.parse(problem.prompt).body[0]

    assert isinstance(shown, ast.FunctionDef)
    assert len(shown.body) == 1  # the docstring
    assert len(problem.examples) >= 2
    assert len(problem.inputs) >= 10
    assert problem.solution.startswith(problem.prompt)
    # Trivial inputs may be in both; most hidden ones must not be.
    assert sum(inputs in problem.examples for inputs in problem.inputs) <= 2


def test_an_unknown_split_is_refused():
    with pytest.raises(ConfigError, match=r"data\.split=train: data=code-problems has no such"):
        embedded(split="train")


def test_a_humaneval_row_becomes_a_problem(tmp_path):
    (problem,) = humaneval(name="humaneval", id="-", path=written(tmp_path, EVAL)).test

    assert problem.id == "HumanEval-7"
    assert problem.preamble == "import math"
    assert problem.examples == ((2,),)
    assert problem.by_value
    assert "return 2 * x" in problem.solution
    assert "return" not in problem.prompt


def test_extended_tests_of_humaneval_take_the_place_of_its_own(tmp_path):
    row = EVAL | {"test_case_list": ["assert twice(1) == 2", "assert twice(0) == 0"]}

    (problem,) = humaneval(name="humaneval", id="-", path=written(tmp_path, row)).test

    assert problem.checks.count("assert") == 2
    assert problem.checks.startswith("def check(twice):")
    assert problem.by_value


def test_an_mbpp_row_becomes_a_problem_that_shows_as_many_tests_as_asked_for(tmp_path):
    path = written(tmp_path, MBPP)

    none, one = (mbpp(name="mbpp", id="-", path=path, shown=n).test[0] for n in (0, 1))

    assert one.entry == "twice"
    assert one.prompt.startswith('def twice(x):\n    """Write a function to double.\n')
    assert "assert twice(1) == 2" in one.prompt
    assert "assert" not in none.prompt
    assert one.examples == ((1,),)
    check = ast.unparse(ast.parse(one.checks))
    assert check.startswith("def check(twice):\n    ZERO = 0\n")
    assert check.count("assert") == 3
    assert one.by_value


def test_the_other_form_of_mbpp_has_its_sentence_under_prompt(tmp_path):
    row = {key: value for key, value in MBPP.items() if key != "text"} | {"prompt": "Double."}
    row |= {"test_imports": ["import math"]}

    (problem,) = mbpp(name="mbpp", id="-", path=written(tmp_path, row)).test

    assert '"""Double.' in problem.prompt
    assert "import math" in problem.checks


def test_evalplus_tests_are_taken_as_they_are(tmp_path):
    loop = "results = [2, 4]\nfor i, o in zip([[1], [2]], results):\n    assert f(*i) == o"
    row = MBPP | {"code": "def f(x):\n    return 2 * x", "test_list": ["assert f(1) == 2"]}

    (problem,) = mbpp(
        name="mbppplus", id="-", path=written(tmp_path, row | {"test": loop}), plus=True
    ).test

    assert "results = [2, 4]" in problem.checks
    assert problem.by_value


@pytest.mark.parametrize(
    "column", ["task_id", "prompt", "entry_point", "canonical_solution", "test"]
)
def test_a_missing_column_is_named(column, tmp_path):
    row = {key: value for key, value in EVAL.items() if key != column}

    with pytest.raises(ConfigError, match=f"problem 1 has no column {column}") as refused:
        humaneval(name="humaneval", id="-", path=written(tmp_path, EVAL, row))

    assert "its columns are" in refused.value.hint


@pytest.mark.parametrize("column", ["code", "test_list", "text"])
def test_a_missing_column_of_mbpp_is_named(column, tmp_path):
    row = {key: value for key, value in MBPP.items() if key != column}

    with pytest.raises(ConfigError, match=r"problem 0 has no column (code|test_list|prompt)"):
        mbpp(name="mbpp", id="-", path=written(tmp_path, row))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (EVAL | {"entry_point": "thrice"}, "no function thrice"),
        (
            EVAL | {"test": "def check(candidate):\n  assert ("},
            "problem HumanEval/7 cannot be used",
        ),
        (EVAL | {"prompt": "def twice(x:\n"}, "problem HumanEval/7 cannot be used"),
    ],
    ids=["entry", "test", "prompt"],
)
def test_a_row_that_is_no_problem_is_named(row, told, tmp_path):
    with pytest.raises(ConfigError, match=told):
        humaneval(name="humaneval", id="-", path=written(tmp_path, row))


def test_an_empty_set_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="data=humaneval holds no problems"):
        humaneval(name="humaneval", id="-", path=written(tmp_path))
    with pytest.raises(ConfigError, match="is no number of tests"):
        mbpp(name="mbpp", id="-", path=written(tmp_path, MBPP), shown=-1)


@pytest.mark.parametrize(
    ("test", "is_by_value"),
    [
        ("assert candidate(1) == 2", True),
        ("assert 2 == candidate(1)", True),
        ("assert candidate(1) is None", True),
        ("assert candidate(1)", True),
        ("assert not candidate(1)", True),
        ("assert abs(candidate(1) - 2.0) < 1e-6", True),
        ("assert True, 'always'", True),
        ("assert candidate(1) != 3", False),
        ("assert sorted(candidate(1)) == [1]", False),
        ("assert abs(poly(candidate(1))) < 1e-4", False),
        ("assert candidate(1) == 2 and candidate(2) == 4", False),
        ("pass", False),
    ],
)
def test_tests_by_value_are_told_from_others(test, is_by_value):
    assert compares_values(f"def check(candidate):\n    {test}", "check") is is_by_value


def test_docstrings_give_their_examples_and_literals_only():
    doc = '    """Add.\n\n    >>> f([1], y)\n    >>> f((1, 2), -3.5)\n    >>> g(1, 2)\n    """\n'
    source = f"def f(x, y):\n{doc}    return x\n"

    assert examples(source, "f") == (((1, 2), -3.5),)
    assert literal_arguments("f(x=1)", "f") is None
    assert literal_arguments("f(", "f") is None
    assert stub("def f(x):\n    return x\n", "f") == "def f(x):\n"


def test_rows_are_read_from_all_kinds_of_files(tmp_path):
    pytest.importorskip("pyarrow")
    rows = [{"a": 1, "b": "x\u2028y", "c": ["d"]}, {"a": 2, "b": "z", "c": []}]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")

    for suffix in table_files.SUFFIXES:
        assert table_files.read_rows(str(tmp_path / f"rows{suffix}")) == rows
    assert len(table_files.read_rows(str(tmp_path))) == 8


def test_of_a_folder_the_files_of_the_split_are_read(tmp_path):
    written(tmp_path, {"a": 1}, name="test-0.jsonl")
    written(tmp_path, {"a": 2}, name="train-0.jsonl")

    assert table_files.read_rows(str(tmp_path), "test") == [{"a": 1}]
    assert len(table_files.read_rows(str(tmp_path), "dev")) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"[1]\n", "is no list of objects"),
    ],
    ids=["cut", "bytes", "numbers"],
)
def test_a_file_that_is_no_table_is_refused(content, told, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(content)

    with pytest.raises(ConfigError, match=told):
        table_files.read_rows(str(tmp_path / "rows.jsonl"))


def test_a_path_where_nothing_is_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        table_files.read_rows(str(tmp_path / "none.jsonl"))
    with pytest.raises(ConfigError, match="the folder has no file that ends in"):
        table_files.read_rows(str(tmp_path))


def test_humaneval_itself_is_read():
    folder = Path(os.environ.get("ITERUN_REAL_DATA", "")) / "humaneval"
    if not folder.is_dir():
        pytest.skip("ITERUN_REAL_DATA names no folder with HumanEval")

    problems = humaneval(name="humaneval", id="-", path=str(folder)).test

    assert len(problems) >= 80
    assert [one.id for one in problems if not one.by_value][:3] == [
        "HumanEval-32", "HumanEval-33", "HumanEval-37",
    ]  # fmt: skip

"""Systems as the terminal tells of them: from the YAML and the class, never from a second list."""

import json
from pathlib import Path
from typing import Any

import pytest

from iterun.cli import meanings, systems
from iterun.config.menu import task_files


def test_tasks_lists_every_system(iterun: Any) -> None:
    names = [info.name for info in task_files()]

    answer = iterun("tasks")

    assert names
    assert [line.split()[0] for line in answer.lines[1 : len(names) + 1]] == names
    assert [info["name"] for info in json.loads(iterun("tasks", "--json").out)] == names


def test_tasks_of_a_family_and_of_none(iterun: Any) -> None:
    assert iterun("tasks", "prune").status == 0

    answer = iterun("tasks", "prun")

    assert (answer.status, answer.out) == (2, "")
    assert "there is no family 'prun'" in answer.err
    assert "prune" in answer.err.partition("hint: ")[2]


def test_task_alone_guides_to_the_systems(iterun: Any) -> None:
    assert iterun("task=").out == iterun("tasks").out


@pytest.mark.parametrize(
    "words", [["task=prune", "--help"], ["show", "task=prune"], ["help", "task=prune/perp"]]
)
def test_a_system_shows_its_parameters(words: list[str], iterun: Any) -> None:
    answer = iterun(*words)

    assert answer.lines[0].startswith("task=prune/perp")
    assert "one iteration" in answer.out
    [line] = [line for line in answer.lines if line.startswith("  sparsity")]
    assert "0.7" in line
    assert "share of every matrix to prune" in line


@pytest.mark.parametrize(
    ("meaning", "remark", "added"),
    [
        ("words of the first level", "words of the first level; paper: 5000", "paper: 5000"),
        ("words from one level to the next", "words a level; paper: 5000", "paper: 5000"),
        ("of tests a problem", "of tests a problem, written once", "written once"),
        ("chance that an assert is right", "of the asserts", ""),
        ("lora: adapters, full: all weights", "full: all weights, digits only",
         "full: all weights, digits only"),
        ("optimizer steps (T)", "paper: 1000", "paper: 1000"),
    ],
)  # fmt: skip
def test_what_the_class_says_of_a_parameter_is_not_said_again(
    meaning: str, remark: str, added: str
) -> None:
    assert systems.added(remark, meaning) == added


def test_a_page_says_nothing_twice(iterun: Any) -> None:
    text = iterun("task=refine/agentcoder", "--help").out

    assert text.count("seconds a program, for all suites together") == 1
    assert "the authors' code: 3 a suite" in text


def test_only_models_and_data_of_its_kind_are_offered(iterun: Any) -> None:
    lines = iterun("task=prune/lth", "--help").lines
    offered = {line.split()[0]: line for line in lines if line.startswith(("  model ", "  data "))}

    assert "resnet20" in offered["model"]
    assert "opt-mini" not in offered["model"]
    assert "cifar10" in offered["data"]
    assert "pydoc" not in offered["data"]


def test_every_parameter_has_a_meaning() -> None:
    for info in task_files():
        found = meanings.read(info.target)
        assert found.summary
        assert [name for name in info.parameters if not found.parameters.get(name)] == []


def test_no_line_of_a_page_is_wider_than_the_screen(
    iterun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (40, 60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = [line for line in iterun("task=prune", "--help").lines if line.startswith("   ")]
        assert max(len(line) for line in lines) <= columns


def test_a_system_of_ones_own(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "--help")

    assert answer.lines[0].startswith("task=mine/count")
    assert "last number" in answer.out


def test_meanings_are_read_beside_above_and_from_a_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_system.py").write_text(
        '"""What it does.\n\nMore."""\nraise RuntimeError("never imported")\n'
        "class Base:\n    seed: int  #: of all\n"
        "class Odd(Base):\n    #: from above,\n    #: on two lines\n    a: int\n"
        "    b: float  #: beside it\n               #: and below\n    c: str\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    found = meanings.read("odd_system.Odd")

    assert found.summary == "What it does."
    assert found.parameters == {
        "seed": "of all", "a": "from above, on two lines", "b": "beside it and below", "c": ""
    }  # fmt: skip
    assert meanings.read("nowhere.Nothing") == meanings.Meaning()

"""The README tells the truth: what it says to type can be typed."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from iterun.cli.commands import COMMANDS
from iterun.config.compose import compose, task_files

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
LINES = [shlex.split(line, comments=True) for line in BLOCKS[-1].splitlines()]
TOUR = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
SWEPT = re.compile(r"-|hydra/|seed=.*,|.*\(")  # what only a sweep can have
SCRIPT = Path(__file__).parents[1] / "scripts" / "tour.py"


def test_the_two_commands_are_those_that_ci_runs() -> None:
    script = (Path(__file__).parents[1] / ".ci/run").read_text(encoding="utf-8")
    ends = re.findall(r"readme_line '(.*?)'", script)

    assert len(ends) == 2
    assert all(any(end in block for block in BLOCKS[:2]) for end in ends)


@pytest.mark.parametrize("words", LINES, ids=" ".join)
def test_every_line_can_be_typed(words: list[str]) -> None:
    program, *rest = words
    first = rest[0] if rest else ""

    assert program == "iterun"
    if "=" in first or first == "-m":
        assert compose([word for word in rest if not SWEPT.match(word)])
    else:
        assert first in {*COMMANDS, ""}


def test_the_tour_shows_every_command_that_a_pipe_can_show() -> None:
    typed = {line.split()[2] for line in "".join(TOUR).splitlines() if line.startswith("$ iterun")}

    assert {*COMMANDS} - typed <= {"tasks", "show", "watch", "ui", "completion"}


@pytest.mark.slow
@pytest.mark.long
def test_every_command_of_the_tour_says_what_the_readme_shows() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_system_is_in_the_table() -> None:
    table = re.findall(
        r"^\| `(\w+/\w+)` \| \[.*?\]\(https://arxiv.org/abs/([\d.]+)\)", README, re.M
    )

    assert dict(table) == {info.name: info.about["arxiv"] for info in task_files()}

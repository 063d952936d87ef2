"""Lines that run something: what is on the screen, and the exit status."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iterun.cli.run import is_lively


def test_a_run_shows_iterations_result_directory_and_what_next(
    iterun: Any, own: list[str], tmp_path: Path
) -> None:
    answer = iterun(*own, "task.to=3")

    [directory] = (tmp_path / "outputs" / "mine" / "count").iterdir()
    assert answer.status == 0
    assert [line[:13] for line in answer.err.splitlines()[2:5]] == [
        "[1/3] total=1", "[2/3] total=2", "[3/3] total=3"
    ]  # fmt: skip
    assert answer.lines[0] == "  total  3   best 3 at 3"
    assert answer.lines[-1] == f"  {directory}"
    assert f"iterun show {directory.name[-8:]}" in answer.err.splitlines()[-1]


def test_quiet_gives_the_directory_to_other_programs(iterun: Any, own: list[str]) -> None:
    answer = iterun("--quiet", *own)

    assert (answer.status, answer.err) == (0, "")
    assert (Path(answer.out.strip()) / "summary.json").is_file()


def test_json_gives_events(iterun: Any, own: list[str]) -> None:
    events = [json.loads(line) for line in iterun(*own, "--json").lines]

    assert [event["event"] for event in events if event["event"] != "checkpoint"] == [
        "started", "iteration", "iteration", "iteration", "ended"
    ]  # fmt: skip


def test_outputs_on_the_line_wins(iterun: Any, own: list[str], tmp_path: Path) -> None:
    iterun(*own, "--outputs", str(tmp_path / "there"))

    assert list((tmp_path / "there").glob("mine/count/*/run.json"))
    assert not (tmp_path / "outputs").exists()


def test_a_run_that_fails(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "task.fail_at=2")

    assert answer.status == 1
    assert "error: ValueError: lost count" in answer.err
    assert "iterun resume" in answer.err.splitlines()[-1]


def test_an_interrupted_run_is_gone_on_with(iterun: Any, own: list[str]) -> None:
    first = iterun(*own, "task.words=[stop]")

    second = iterun("resume", "@-1")

    assert (first.status, second.status) == (130, 0)
    assert "interrupted  by Ctrl-C (SIGINT)" in first.err
    assert next(line for line in second.err.splitlines() if line[0] == "[").startswith("[3/3]")
    assert second.lines[0] == "  total  3   best 3 at 3"


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["task=prun"], "prun", "task=prune"),
        (["resume"], "resume needs a run", "iterun resume @-1"),
        (["resume", "nothing"], "no run is called 'nothing'", "iterun ls"),
    ],
)
def test_bad_input_is_refused_with_a_hint(
    words: list[str], said: str, hint: str, iterun: Any, runs: Any
) -> None:
    runs()

    answer = iterun(*words)

    assert (answer.status, answer.out) == (2, "")
    assert said in answer.err
    assert hint in answer.err.partition("hint: ")[2]


def test_a_mistyped_parameter_is_refused_with_the_nearest(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "task.too=3")

    assert (answer.status, answer.out) == (2, "")
    assert "task.too" in answer.err
    assert "task.to" in answer.err.partition("hint: ")[2]


def test_another_parameter_is_no_resume(iterun: Any, own: list[str]) -> None:
    iterun(*own)

    answer = iterun("resume", "@-1", "task.to=9")

    assert answer.status == 2
    assert "would make a fork" in answer.err


def test_several_faults_are_shown_together(iterun: Any, own: list[str]) -> None:
    answer = iterun(*own, "task.to=0", "task.by=-1")

    assert answer.status == 2
    assert answer.err.count("error: ") == answer.err.count("hint: ") == 2


def test_ci_and_pipes_get_lines_and_terminals_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_lively()

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    assert is_lively()

    for name, value in (("CI", "true"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            assert not is_lively()


def test_a_terminal_sees_the_live_display(own: list[str]) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "iterun", *own]
    environment = {
        **os.environ,
        "TERM": "xterm",
        "COLUMNS": "80",
        "PYTHONPATH": str(Path(own[1]).parent),
    }
    with subprocess.Popen(command, env=environment, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)

    text = seen.decode()
    assert process.returncode == 0
    assert "starting" in text
    assert "\x1b[32mcompleted\x1b[0m" in text
    assert text.rstrip().splitlines()[-1].startswith("\x1b[2mnext:")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other side is closed
        return b""

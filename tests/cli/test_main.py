"""The first words of a newcomer, and what goes wrong."""

import io
import os
import re
from typing import Any

import pytest
from typer.testing import CliRunner

from iterun import __version__
from iterun.cli.app import app
from iterun.cli.commands import COMMANDS

runner = CliRunner()


def test_iterun_alone_guides(iterun: Any) -> None:
    answer = iterun()

    assert answer.status == 0
    assert "iterun task=prune " in answer.out
    assert "iterun --help" in answer.lines[-1]


def test_threads_that_wait_let_others_compute_unless_told_otherwise(
    iterun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    iterun("--version")
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"

    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    iterun("--version")
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_version(iterun: Any) -> None:
    assert iterun("--version").out == f"iterun {__version__}\n"


def test_help_names_every_command_of_the_app(iterun: Any) -> None:
    text = iterun("--help").out

    assert {command.name for command in app().registered_commands} == {*COMMANDS}
    for name, command in COMMANDS.items():
        assert f"  {name} {command.usage}".rstrip() in text
    assert iterun("-h").out == iterun("help").out == text
    assert runner.invoke(app(), ["--help"]).stdout == text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = runner.invoke(app([name]), [name, "--help"])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"usage: iterun {name}")
    assert f"\n  iterun {name}" in result.stdout.partition("Examples")[2]
    options = result.stdout.partition("Options\n")[2].partition("\n\n")[0]
    first = [line for line in options.splitlines() if line.startswith("  -")]
    assert all(re.search(r"\S  +\S", line) for line in first)
    offered = {*COMMANDS[name].options, "--outputs", "--help"}
    assert {*re.findall(r"--[a-z-]+", options)} | {"--outputs"} >= offered - {"--outputs"}


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_fits_the_screen(columns: int, iterun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    for name in COMMANDS:
        body = iterun(name, "--help").out.partition("Examples")[0].splitlines()
        assert max(map(len, body[1:])) <= max(columns, 60)


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("lss", "did you mean iterun ls"),
        ("docter", "iterun doctor"),
        ("prune/perp", "to run it: iterun task=prune/perp"),
        ("prune/prep", "iterun task=prune/perp"),
        ("3f9a", "to see that run: iterun show 3f9a"),
        ("xyzzy", "iterun --help lists the commands"),
    ],
)
def test_an_unknown_word_names_what_was_meant(word: str, hint: str, iterun: Any, runs: Any) -> None:
    runs()

    answer = iterun(word)

    assert (answer.status, answer.out) == (2, "")
    assert f"error: there is no command {word!r}" in answer.err
    assert hint in answer.err


def test_debug_shows_the_traceback(iterun: Any) -> None:
    assert "Traceback" not in iterun("lss").err
    assert "Traceback" in iterun("lss", "--debug").err


def test_a_missing_argument(iterun: Any) -> None:
    answer = iterun("show")

    assert answer.status == 2
    assert "missing argument 'RUN'" in answer.err
    assert "iterun show --help" in answer.err


def test_a_reader_that_leaves_early_is_no_error(
    iterun: Any, runs: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

        def fileno(self) -> int:
            return spare.fileno()

    spare = open(tmp_path / "spare", "w")  # noqa: SIM115  # closed below
    monkeypatch.setattr("sys.stdout", Gone())

    status = iterun().status

    spare.close()
    assert status == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_behind_the_output_is_one_sentence(
    iterun: Any, runs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("a1")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr("sys.stdout", full)
        answer = iterun("ls")

    assert answer.status == 1
    assert answer.err.startswith("error: the output can't be written: no space left")


def test_colour_is_asked_for_and_refused(iterun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in iterun().out

    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in iterun().out

"""What Tab offers, by the protocol and in the shells themselves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from iterun.cli.commands import COMMANDS
from iterun.cli.complete import candidates
from iterun.cli.shells import SCRIPTS
from iterun.config.menu import choices


def offered(line: str) -> list[str]:
    *before, current = line.split(" ")
    return [word for word, _ in candidates(before, current)]


def test_the_first_word_is_a_command_or_a_setting() -> None:
    assert {*COMMANDS, "task=", "model=", "backend="} <= {*offered("")}
    assert offered("do") == ["doctor"]
    assert "--hydra-help" in offered("--h")


@pytest.mark.parametrize("group", ["task", "model", "data", "backend", "stop", "debug"])
def test_values_of_a_group_come_from_its_files(group: str) -> None:
    assert {*offered(f"seed=1 {group}=")} == {f"{group}={name}" for name in choices(group)}


def test_values_of_a_sweep_go_on_after_the_comma() -> None:
    assert "model=hf,opt-mini" in offered("-m task=prune model=hf,opt-m")
    assert "stop=[patience,budget" in offered("task=prune stop=[patience,b")
    assert "data@eval_data=wikitext2" in offered("task=prune data@eval_data=w")


def test_parameters_are_those_of_the_system_on_the_line(own: list[str]) -> None:
    assert "task.sparsity=" in offered("task=prune task.sp")
    assert offered(" ".join([*own, "task."])) == [
        "task.to=",
        "task.by=",
        "task.fail_at=",
        "task.mode=",
        "task.words=",
    ]
    assert "stop.iterations=" in offered("task=prune stop.i")


def test_runs_are_offered_newest_first(runs: Any) -> None:
    runs("aaaa0001", created="2026-11-20T10:00:00+01:00")
    runs("aabb0002", created="2026-11-21T10:00:00+01:00")

    assert offered("show a") == ["aabb0002", "aaaa0001"]
    assert offered("resume aaaa0001 aa") == ["aabb0002", "aaaa0001"]
    assert offered("--outputs nowhere show a") == []


def test_each_command_has_its_own_words() -> None:
    assert offered("ls status=c") == ["status=completed"]
    assert offered("ls --c") == ["--columns", "--csv"]
    assert offered("tasks p") == ["prune"]
    assert offered("completion ") == [*SCRIPTS]
    assert offered("help doc") == ["doctor"]
    assert "stop.seconds=" in offered("resume @-1 stop.s")
    assert "task=prune/perp" in offered("show task=")


def test_what_goes_wrong_offers_nothing(iterun: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ITERUN_COMPLETE", "fish")

    answer = iterun("task=nowhere", "task.")

    assert (answer.out, answer.err) == ("", "")


def test_zsh_and_fish_get_descriptions_and_bash_what_follows_its_break(
    iterun: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_ITERUN_COMPLETE", "zsh")
    assert f"ls\t{COMMANDS['ls'].about}" in iterun("l").lines

    monkeypatch.setenv("_ITERUN_COMPLETE", "bash")
    assert iterun("backend=").lines == choices("backend")
    monkeypatch.setenv("COMP_WORDBREAKS", " ")
    assert "backend=cpu" in iterun("backend=").lines


@pytest.fixture
def shell_environment(tmp_path: Path) -> dict[str, str]:
    """A folder with a program `iterun` first in the PATH."""
    program = tmp_path / "bin" / "iterun"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m iterun "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}


def replies(shell: str, script: str, environment: dict[str, str]) -> list[str]:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": []}[shell]
    command = [shell, *options, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("iterun task=prune model=opt-mi", "opt-mini"),
        ("iterun doc", "doctor"),
        ("iterun backend=g", "gpu"),
    ],
)
def test_bash_completes(line: str, reply: str, shell_environment: dict[str, str]) -> None:
    ask = f'{SCRIPTS["bash"]}\nCOMP_LINE="{line}"; COMP_POINT={len(line)}; _iterun iterun\n'

    assert replies("bash", ask + 'echo "${COMPREPLY[@]}"', shell_environment) == [reply]


def test_zsh_completes(shell_environment: dict[str, str]) -> None:
    fake = "compdef() { }; compadd() { print -r -- ${(P)argv[-1]} }\n"  # outside of the line editor
    ask = "words=(iterun task=prune model=opt-mi); CURRENT=3; PREFIX=model=opt-mi; _iterun"

    assert replies("zsh", fake + SCRIPTS["zsh"] + ask, shell_environment) == ["model=opt-mini"]


def test_fish_completes(shell_environment: dict[str, str]) -> None:
    ask = SCRIPTS["fish"] + "complete -C 'iterun task=prune model=opt-mi'"

    assert replies("fish", ask, shell_environment) == ["model=opt-mini"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_script_is_printed_or_installed(
    shell: str, iterun: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))

    printed, installed = iterun("completion", shell).out, iterun("completion", shell, "--install")

    assert printed == SCRIPTS[shell]
    assert Path(installed.out.strip()).read_text() == printed
    assert "next:" in installed.err


def test_another_shell_is_refused(iterun: Any) -> None:
    answer = iterun("completion", "bsh")

    assert answer.status == 2
    assert "hint: iterun completion bash" in answer.err

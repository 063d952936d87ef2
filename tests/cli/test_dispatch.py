"""Who gets a line: a command, Hydra, or the guide."""

import pytest

from iterun.cli.dispatch import Line, chosen, config_dirs, read
from iterun.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("", "guide"), ("--quiet", "guide"), ("--help", "help"), ("-h", "help"), ("help", "help"),
        ("--version", "version"), ("ls", "command"), ("ls --help", "command"),
        ("--outputs /x ls", "command"), ("task=", "systems"), ("task= --help", "help"),
        ("task=prune", "run"), ("-m task=prune", "run"), ("seed=1 --cfg job", "run"),
        ("~seed", "run"), ("+x=1", "run"), ("--hydra-help", "run"), ("--info", "run"),
        ("task=prune --help", "parameters"), ("-h task=prune", "parameters"),
        ("help task=prune", "parameters"), ("lss", "unknown"), ("prune/perp", "unknown"),
    ],
)  # fmt: skip
def test_the_first_word_decides(typed: str, kind: str) -> None:
    assert read(typed.split()).kind == kind


def test_hydra_gets_its_words_untouched_but_for_our_flags() -> None:
    line = read(
        [
            "-m",
            "task=prune",
            "--outputs",
            "/x",
            "seed=1,2",
            "--json",
            "--quiet",
            "--debug",
            "-cn",
            "c",
        ]
    )

    assert line == Line(
        "run", ["-m", "task=prune", "seed=1,2", "-cn", "c"], "/x", quiet=True, json=True, debug=True
    )


def test_flags_before_a_command_are_the_commands_own() -> None:
    assert read(["--outputs=/x", "--json", "ls", "-n", "3"]).words == [
        "ls", "--outputs=/x", "--json", "-n", "3"
    ]  # fmt: skip
    assert read(["help", "ls"]).words == ["ls", "--help"]


def test_outputs_needs_a_folder() -> None:
    with pytest.raises(ConfigError, match="--outputs needs a folder"):
        read(["task=prune", "--outputs"])


def test_what_a_line_chooses() -> None:
    words = [
        "-cn",
        "task=no",
        "task=prune",
        "task=prune/perp",
        "--config-dir",
        "mine",
        "--config-dir=b",
    ]

    assert chosen(words, "task") == "prune/perp"
    assert chosen(["task="], "task") is None
    assert config_dirs(words) == ["mine", "b"]

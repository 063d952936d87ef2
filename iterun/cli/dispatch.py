"""What a line asks for, decided from its words alone: nothing is imported for it.

A first word that is a command's name is that command. A first word with `=` in it, or that starts
with `-`, `+` or `~`, is Hydra's line and reaches Hydra untouched but for our own four flags.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from iterun.cli.commands import COMMANDS, HELP
from iterun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["guide", "help", "version", "command", "systems", "parameters", "run", "unknown"]
_HELP = ("--help", "-h")
#: Hydra's options that are followed by a value, which may be any word
_TAKE_A_VALUE = (
    "--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn",
    "--config-dir", "-cd", "--experimental-rerun",
)  # fmt: skip


@dataclass
class Line:
    """A command line, read."""

    kind: Kind = "guide"
    words: list[str] = field(default_factory=list)  #: of the command, or for Hydra
    outputs: str | None = None
    quiet: bool = False
    json: bool = False
    debug: bool = False


def read(argv: Sequence[str]) -> Line:
    """Read a command line.

    Raises:
        ConfigError: --outputs without a folder.
    """
    line = Line(debug="--debug" in argv)
    argv = [word for word in argv if word != "--debug"]
    before = _flags_before(argv)
    rest = argv[before:]
    if rest and rest[0] == HELP:
        rest = [*rest[1:], "--help"]
    if rest and rest[0] in COMMANDS:
        # Flags that stood before the command are the command's own.
        line.kind, line.words = "command", [rest[0], *argv[:before], *rest[1:]]
        return line
    line.words = _take_flags(argv[:before] + rest, line)
    line.kind = _kind(line.words)
    return line


def _flags_before(argv: Sequence[str]) -> int:
    """How many words of `argv` are our flags, before anything else stands."""
    n = 0
    while n < len(argv) and (
        argv[n] in ("--quiet", "--json", "--outputs") or argv[n].startswith("--outputs=")
    ):
        n += 2 if argv[n] == "--outputs" else 1
    return min(n, len(argv))


def _take_flags(argv: Sequence[str], line: Line) -> list[str]:
    """The words of `argv` without our flags, which go into `line`."""
    words = []
    rest = iter(argv)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--quiet":
            line.quiet = True
        elif word == "--json":
            line.json = True
        elif name == "--outputs":
            line.outputs = value if equals else next(rest, "")
            if not line.outputs:
                raise ConfigError("--outputs needs a folder", hint="as in --outputs /data/runs")
        else:
            words.append(word)
    return words


def _kind(words: Sequence[str]) -> Kind:
    if not words:
        return "guide"
    if words[0] == "--version":
        return "version"
    if any(word in _HELP for word in words):
        return "parameters" if chosen(words, "task") else "help"
    first = words[0]
    if not (first[0] in "-+~" or "=" in first) if first else True:
        return "unknown"
    return "systems" if "task=" in words else "run"


def config_dirs(words: Sequence[str]) -> list[str]:
    """Folders with groups of the user's own: what --config-dir names."""
    found = [words[n + 1] for n, word in enumerate(words[:-1]) if word in ("--config-dir", "-cd")]
    return [*found, *(w.partition("=")[2] for w in words if w.startswith("--config-dir="))]


def chosen(words: Sequence[str], key: str) -> str | None:
    """What `key=` is set to on a line, the last time; None: not set, or to nothing."""
    skip = False
    found = None
    for word in words:
        if not skip and word.startswith(key + "="):
            found = word[len(key) + 1 :]
        skip = not skip and word in _TAKE_A_VALUE
    return found or None

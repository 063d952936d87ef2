"""What can stand at the cursor: commands, options, runs, and values of task=, model=, ….

The shells' scripts (`shells.py`) hand over the words up to the cursor, the last one as far as it is
typed, and read a candidate a line: the word, a tab, what it is. Nothing but names is read here: no
typer, no Hydra. Whatever goes wrong, there is just nothing to offer.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from iterun.cli.commands import COMMANDS, FLAGS, HELP
from iterun.cli.dispatch import chosen, config_dirs
from iterun.errors import IterunError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Candidate = tuple[str, str]  #: the word, and what it is

_KEYS = {
    "task": "what to run", "model": "the model", "data": "the data", "backend": "device and dtype",
    "stop": "rules that end a run", "checkpoint": "how often, which are kept",
    "logger": "other tools that hear of the run",
    "seed": "of all generators", "tags": "words to find the run by",
    "experiment": "a paper's own set-up", "debug": "shrink any run",
    "schedule": "the course of the step size", "data@eval_data": "what to evaluate on",
}  # fmt: skip
_GROUPS = (
    "task",
    "model",
    "data",
    "backend",
    "schedule",
    "stop",
    "checkpoint",
    "logger",
    "experiment",
    "debug",
)
_FILTERS = ("task=", "status=", "model=", "data=", "seed=", "tag=", "since=", "before=")
_MOST_RUNS = 50


def answer(shell: str, words: Sequence[str]) -> int:
    """Print the candidates for the last of `words`; the exit status.

    Args:
        shell: "bash" (which splits words at `=` and wants only what follows), "zsh", "fish".
        words: behind the program's name, up to the cursor.
    """
    current = words[-1] if words else ""
    try:
        found = list(dict.fromkeys(candidates(list(words[:-1]), current)))
    except (IterunError, OSError):
        return 1
    start = _before_break(current) if shell == "bash" else 0
    lines = (word[start:] if shell == "bash" else f"{word}\t{about}" for word, about in found)
    sys.stdout.write("".join(f"{line}\n" for line in lines if line.isprintable() or "\t" in line))
    return 0


def _before_break(current: str) -> int:
    """Where bash's own word begins inside ours."""
    breaks = os.environ.get("COMP_WORDBREAKS", " =:")
    return max((current.rfind(char) + 1 for char in "=:@" if char in breaks), default=0)


def candidates(before: Sequence[str], current: str) -> Iterator[Candidate]:
    """Whole words that may stand where `current` is being typed."""
    return (pair for pair in _all(list(before), current) if pair[0].startswith(current))


def _all(before: list[str], current: str) -> Iterator[Candidate]:
    outputs = _value_of(before, "--outputs")
    plain = [
        w
        for n, w in enumerate(before)
        if not w.startswith("-") and before[n - 1 : n] != ["--outputs"]
    ]
    if not plain:
        if current.startswith("-"):
            yield from FLAGS.items()
            yield from (
                ("--help", ""),
                ("--version", ""),
                ("--hydra-help", ""),
                ("--multirun", "a sweep"),
            )
            return
        if "=" not in current:
            yield from ((name, command.about) for name, command in COMMANDS.items())
        yield from _hydra(before, current)
        return
    first, *rest = plain
    if first == HELP:
        yield from ((name, command.about) for name, command in COMMANDS.items())
    elif first not in COMMANDS:
        yield from _hydra(before, current)
    elif current.startswith("-"):
        options = (*COMMANDS[first].options, "--outputs", "--help")
        yield from ((option, "") for option in options)
    else:
        yield from _of_command(first, rest, current, outputs)


def _of_command(
    command: str, rest: list[str], current: str, outputs: str | None
) -> Iterator[Candidate]:
    from iterun.config import menu

    if command == "tasks" and not rest:
        yield from (
            (name, f"its default is {default}") for name, default in menu.families().items()
        )
    elif command in ("ls", "ui"):
        yield from _filters(current)
    elif command == "show" and not rest:
        yield from _systems() if current.startswith("task=") else _runs(outputs)
    elif command in ("tag", "rm", "gc", "export") or (command == "note" and not rest):
        yield from (() if current.startswith("+") else _runs(outputs))
        yield from _filters(current) if command != "note" else ()
    elif command in ("resume", "verify", "tree"):
        yield from _runs(outputs)
        keys = ("stop", "checkpoint", "logger") if command == "resume" else ()
        yield from _hydra([], current) if current.startswith(keys) else _filters(current)
    elif command == "diff":
        yield from _runs(outputs) if len(rest) < 2 else ()
    elif command in ("plot", "forecast", "watch", "compare", "report", "select"):
        yield from _runs(outputs)
        yield from _filters(current)
    elif command == "fork":
        yield from _hydra(_task_of(rest[0], outputs), current) if rest else _runs(outputs)
    elif command == "completion" and not rest:
        yield from (("bash", ""), ("zsh", ""), ("fish", ""))


def _task_of(run: str, outputs: str | None) -> list[str]:
    """The beginning of a line that runs the same system."""
    from iterun.store import paths
    from iterun.store.index import Index
    from iterun.store.reader import RunView

    with Index(paths.outputs_root(outputs)) as index:
        return [f"task={RunView(index.resolve(run)[0]).system}"]


def _value_of(words: Sequence[str], option: str) -> str | None:
    for n, word in enumerate(words):
        if word == option:
            return "".join(words[n + 1 : n + 2])
        if word.startswith(option + "="):
            return word.partition("=")[2]
    return None


def _hydra(before: Sequence[str], current: str) -> Iterator[Candidate]:
    """Settings: keys, then values; the chosen system's parameters under `task.`."""
    key, equals, value = current.partition("=")
    group = "data" if key == "data@eval_data" else key
    if equals and group in _GROUPS:
        yield from _values(key, group, value)
    elif key.startswith("task."):
        yield from _parameters(chosen(before, "task") or "prune", config_dirs(before))
    elif key.startswith(("stop.", "checkpoint.")) and not equals:
        yield from _nested(key.partition(".")[0])
    elif not equals:
        yield from ((f"{name}=", about) for name, about in _KEYS.items())


def _values(key: str, group: str, value: str) -> Iterator[Candidate]:
    from iterun.config.menu import choices

    done = value[: max(value.rfind(char) + 1 for char in ",[")]  # of a sweep, or a list
    if group == "task":
        yield from (
            (f"{key}={done}{name.removeprefix('task=')}", about) for name, about in _systems()
        )
        return
    yield from ((f"{key}={done}{name}", "") for name in choices(group))


def _systems() -> Iterator[Candidate]:
    from iterun.config.menu import families, task_files

    yield from ((f"task={name}", f"the family: {default}") for name, default in families().items())
    for info in task_files():
        yield f"task={info.name}", str(info.about.get("iteration", ""))


def _parameters(system: str, folders: Sequence[str]) -> Iterator[Candidate]:
    from iterun.cli.systems import find

    for parameter in find(system, folders).parameters.values():
        yield f"task.{parameter.name}=", parameter.comment


def _nested(group: str) -> Iterator[Candidate]:
    """Keys of a node, from config.yaml and its group's files."""
    from iterun.config import menu

    found = menu.read_choice("", "config").get(group)
    names = list(found) if isinstance(found, dict) else []
    for choice in menu.choices(group):
        names += menu.read_choice(group, choice)
    yield from ((f"{group}.{name}=", "") for name in names if not name.startswith("_"))


def _filters(current: str) -> Iterator[Candidate]:
    from iterun.store.schema import LOST, STATES

    if current.startswith("status="):
        yield from ((f"status={state}", "") for state in (*STATES, LOST))
    elif current.startswith("task="):
        yield from _systems()
    elif current.startswith("model="):
        yield from _values("model", "model", "")
    else:
        yield from ((word, "") for word in _FILTERS)


def _runs(outputs: str | None) -> Iterator[Candidate]:
    from iterun.store import paths
    from iterun.store.index import Index

    with Index(paths.outputs_root(outputs)) as index:
        for row in index.rows(limit=_MOST_RUNS):
            yield row.id, f"{row.system} {row.model or ''} seed {row.seed}, {row.state}"
    yield "task=", "a system"

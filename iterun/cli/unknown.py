"""A first word that is nothing: what may have been meant."""

from __future__ import annotations

from iterun.cli.commands import COMMANDS, HELP
from iterun.errors import ConfigError, StoreError, nearest


def word(text: str, outputs: str | None) -> ConfigError:
    """The error to raise, with the nearest command, system or run as its hint."""
    return ConfigError(f"there is no command {text!r}", hint=_meant(text, outputs))


def _meant(text: str, outputs: str | None) -> str:
    from iterun.config.menu import choices

    systems = choices("task")
    if text in systems:
        return f"to run it: iterun task={text}"
    if close := nearest(text, [*COMMANDS, HELP], n=2):
        return "did you mean " + " or ".join(f"iterun {name}" for name in close) + "?"
    if close := nearest(text, systems, n=2):
        return "did you mean " + " or ".join(f"iterun task={name}" for name in close) + "?"
    if _is_run(text, outputs):
        return f"to see that run: iterun show {text}"
    return "iterun --help lists the commands; a setting has the form KEY=VALUE, as in task=prune"


def _is_run(text: str, outputs: str | None) -> bool:
    from iterun.store import paths
    from iterun.store.index import Index

    try:
        with Index(paths.outputs_root(outputs)) as index:
            index.resolve(text)
    except StoreError:
        return False
    return True

"""Asking before what can't be undone, or what hits more than was named."""

from __future__ import annotations

import sys

from iterun.cli.console import Span, err
from iterun.errors import ConfigError


def sure(question: str, *, yes: bool) -> bool:
    """Whether to go on: said on the line, or answered on a terminal.

    Args:
        question: what would be done, without a question mark.
        yes: whether `--yes` was typed.

    Raises:
        ConfigError: nobody can be asked.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            f"{question}: nobody can be asked here", hint="say --yes if that is meant"
        )
    screen = err()
    screen.raw(screen.render(Span(question, "bold"), "? [y/N] "))
    screen.stream.flush()
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    screen.line("nothing was done")
    return False

"""Errors as the user meets them: what happened, and what to type."""

from __future__ import annotations

from iterun.cli.console import Screen, Span
from iterun.errors import ConfigErrors, IterunError


def show(error: IterunError, screen: Screen) -> None:
    """Write an error, or each of several, with its hint."""
    errors = error.errors if isinstance(error, ConfigErrors) else (error,)
    for one in errors:
        _block(screen, "error", "alarm", one.message)
        if one.hint:
            _block(screen, "hint", "accent", one.hint)


def _block(screen: Screen, word: str, style: str, text: str) -> None:
    """A labelled sentence; its own line breaks stay, the following lines are set in."""
    first, *more = text.splitlines() or [""]
    screen.line(Span(f"{word}: ", style), first)
    for line in more:
        screen.line(" " * (len(word) + 2), line)

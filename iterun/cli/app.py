"""The typer app: each command from its own file, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import typer

from iterun.cli.commands import COMMANDS
from iterun.cli.house import Command, Group

if TYPE_CHECKING:
    from collections.abc import Iterable


def app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """The program with the commands named; typer reads the options of each, which takes time."""
    found = typer.Typer(
        name="iterun", cls=Group, add_completion=False, rich_markup_mode=None,
        no_args_is_help=False,
    )  # fmt: skip

    @found.callback()
    def iterun() -> None:
        """Run iterative procedures as experiments."""

    for name in names:
        module = import_module(f"iterun.cli.commands.{name}")
        settings = getattr(module, "SETTINGS", None)  # of click, for words that look like options
        register = found.command(
            name=name, cls=Command, short_help=COMMANDS[name].about, context_settings=settings
        )
        register(module.command)
    return found

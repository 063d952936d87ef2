"""`iterun rm`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs, Yes


def command(
    words: Runs = None,
    trash: Annotated[bool, typer.Option("--trash", help="list what is in the trash")] = False,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="bring runs back; without a name, what was moved last"),
    ] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help="delete what is in the trash, for good")
    ] = False,
    older: Annotated[
        str | None,
        typer.Option(
            "--older", metavar="AGE", help="with --purge: only what was moved so long ago (30d)"
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Move runs to the trash, outputs/.trash, and back.

    Runs that are named go at once; before all that fit a condition go, it asks. A run that is
    running is refused. Forks keep all they need of a run that goes.

    Examples:
      iterun rm k3fa @-1
      iterun rm status=failed since=1d
      iterun rm --restore
      iterun rm --trash
      iterun rm --purge --older 30d
    """
    from iterun.cli import removing
    from iterun.errors import ConfigError

    modes = [name for name, on in (("--trash", trash), ("--restore", restore), ("--purge", purge))
             if on]  # fmt: skip
    if len(modes) > 1:
        raise ConfigError(f"{' and '.join(modes)} don't go together", hint="give one of them")
    if older and not purge:
        raise ConfigError(f"--older {older} goes with --purge only", hint="add --purge")
    do = removing.Removing(outputs, as_json=as_json, yes=yes)
    if trash:
        do.list_trash()
    elif restore:
        do.restore(words or [])
    elif purge:
        do.purge(words or [], older)
    else:
        do.move(words or [])

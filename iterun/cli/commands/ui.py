"""`iterun ui`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import Outputs


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER…]", help="conditions to begin with, as `iterun ls` takes them"
        ),
    ] = None,
    outputs: Outputs = None,
) -> None:
    """Browse runs on a screen: filter, mark, sort, plot, compare, tag, remove, by the keyboard.

    Runs that go on are followed. Keys stand at the bottom; ? tells what each does. Nothing is
    changed but tags, notes, and what is moved to the trash, from where z brings it back. It needs
    pip install "iterun[ui]".

    Examples:
      iterun ui
      iterun ui task=prune/perp since=2d
      iterun ui 'sparsity>0.5' status=completed --outputs /data/runs
    """
    from iterun.cli.ui import start

    raise typer.Exit(start.show(words or [], outputs=outputs))

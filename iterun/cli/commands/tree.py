"""`iterun tree`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|FILTER…]",
            help="runs by id, the start of one, tag, directory or @-1, or all that fit conditions: "
            "their whole families are drawn; without a word every family of two and more",
        ),
    ] = None,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Draw which run came from which: forks below the runs that they branched off.

    @7 is the last iteration that a fork shares with its parent; then what changed, old → new. A
    parent that was deleted is shown as gone: its forks have all that they need.

    Examples:
      iterun tree
      iterun tree k3fa
      iterun tree task=prune/perp since=2d --json
    """
    from iterun.cli import tree

    tree.show(words or [], outputs=outputs, as_json=as_json)

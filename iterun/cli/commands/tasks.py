"""`iterun tasks`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Unused


def command(
    family: Annotated[
        str | None, typer.Argument(metavar="[FAMILY]", help="only its systems, as in prune")
    ] = None,
    as_json: AsJson = False,
    outputs: Unused = None,
) -> None:
    """List every system: what one iteration is, its default model, seconds on a CPU, its paper.

    Examples:
      iterun tasks
      iterun tasks prune
      iterun show task=prune/perp
    """
    from iterun.cli import systems

    systems.list_all(family, as_json=as_json)

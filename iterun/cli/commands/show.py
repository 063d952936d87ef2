"""`iterun show`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="an id, the start of one, a tag, a directory, @-1 (the newest), @-2 …; RUN@7 is "
            "its iteration 7; task=SYSTEM is a system",
        ),
    ],
    whole: Annotated[
        bool, typer.Option("--all", "-a", help="every iteration and artifact")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Show one run, whole: parameters, state, iterations, costs, artifacts, environment.

    Seconds are wall time; the parameters marked with * were typed on the command line.

    Examples:
      iterun show @-1
      iterun show k3fa@7
      iterun show task=prune/perp
    """
    from iterun.cli import show as page

    page.show(run, outputs=outputs, whole=whole, as_json=as_json)

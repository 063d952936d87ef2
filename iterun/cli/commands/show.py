"""`iterun show`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs
from iterun.errors import ConfigError


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
    transcript: Annotated[
        str | None,
        typer.Option("--transcript", metavar="ID", help="the conversation about one instance"),
    ] = None,
    open_failures: Annotated[
        bool, typer.Option("--open-failures", help="the instances that stayed unsolved, by arm")
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
      iterun show @-1 --open-failures
      iterun show @-1 --transcript g003
    """
    if transcript is not None and open_failures:
        raise ConfigError("--transcript and --open-failures exclude one another", hint="")
    if transcript is not None or open_failures:
        from iterun.cli import transcript as conversations

        conversations.show(run, transcript, outputs=outputs, as_json=as_json)
        return
    from iterun.cli import show as page

    page.show(run, outputs=outputs, whole=whole, as_json=as_json)

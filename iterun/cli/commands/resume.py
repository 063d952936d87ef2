"""`iterun resume`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Quiet


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN… [KEY=VALUE…]",
            help="runs as `iterun show` names them; stop.KEY and checkpoint.KEY may be set anew "
            "(stop.seconds in seconds of wall time over all attempts)",
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Go on with a run that was stopped, killed, or ended early, from its newest checkpoint.

    RUN@7 goes back to iteration 7, or to the last checkpoint before it.

    What comes out is equal, bit for bit on a CPU, to a run that was never interrupted. Lines of
    iterations that are done again are moved to iterations.dropped-N.jsonl.

    Examples:
      iterun resume @-1
      iterun resume k3fa stop.iterations=200
    """
    from iterun.cli import resume

    status = resume.resume(words or [], outputs=outputs, quiet=quiet, as_json=as_json)
    raise typer.Exit(status)

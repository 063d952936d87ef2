"""`iterun resume`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Quiet


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN…|FILTER… [KEY=VALUE…]",
            help="runs as `iterun show` names them, or conditions as `iterun ls` takes them; "
            "stop.KEY, checkpoint.KEY and logger may be set anew (stop.seconds in seconds of wall "
            "time over all attempts)",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only show which runs would go on, and from where")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="go on with all that fit without being asked")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Go on with a run that was stopped, killed, or ended early, from its newest checkpoint.

    RUN@7 goes back to iteration 7, or to the last checkpoint before it. Of runs that fit
    conditions, those that are alive are left out, and completed ones too unless their end is set
    anew; the others go on one after the other, also when one of them can't.

    What comes out is equal, bit for bit on a CPU, to a run that was never interrupted. Lines of
    iterations that are done again are moved to iterations.dropped-N.jsonl.

    Examples:
      iterun resume @-1
      iterun resume k3fa stop.iterations=200
      iterun resume status=lost,interrupted since=1d --dry-run
    """
    from iterun.cli import resume

    status = resume.resume(
        words or [], dry_run=dry_run, yes=yes, outputs=outputs, quiet=quiet, as_json=as_json
    )
    raise typer.Exit(status)

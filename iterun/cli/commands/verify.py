"""`iterun verify`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs


def command(
    words: Runs = None,
    after: Annotated[
        int | None,
        typer.Option(
            "--from", metavar="K", help="begin from checkpoint K, or the one before it: quicker"
        ),
    ] = None,
    upto: Annotated[
        int | None, typer.Option("--upto", metavar="N", help="compare no further than iteration N")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--all", "-a", help="go on after the first difference; list them all")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="leave the replay's directory, and say where it is")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="no progress, only the verdict")] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Compute a run again from its record, and say where, if at all, it differs, and why.

    Every metric and label is compared bit for bit, on the recorded device and thread count;
    seconds and costs are not. It ends at the first difference, which is told with its size and
    with what has changed since the run: model or text, packages, python, iterun, git commit,
    device, CPU, environment. A run that failed must fail again, else it differs. A fork is computed
    from where it branched off.

    The replay goes to a temporary folder and is removed. Exit status: 0 equal, 1 differs.

    Examples:
      iterun verify @-1
      iterun verify k3fa --from 40 --upto 50 --all
      iterun verify task=prune/perp status=completed since=1w
    """
    from iterun.cli import verify

    status = verify.verify(
        words or [], after=after, upto=upto, whole=whole, keep=keep, outputs=outputs, quiet=quiet,
        as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(status)

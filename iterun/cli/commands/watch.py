"""`iterun watch`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs


def command(
    words: Runs = None,
    once: Annotated[
        bool, typer.Option("--once", help="one look, as things stand, instead of until the end")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Watch runs while they go on, here or on another machine that writes to the same folder.

    Without a word, the newest run that goes on. Several runs, or conditions, are a table, which
    runs join that begin to fit. In a pipe there is a line an iteration, beginning with the last
    ten; with --json all of them, an object a line.

    Ctrl-C leaves the run as it is (exit status 130). Else the exit status is the run's own: 0
    completed, 1 failed or lost, 3 diverged, 130 or 143 interrupted; of several, the first that is
    not 0.

    Examples:
      iterun watch
      iterun watch @-1 --once
      iterun watch task=prune since=1h
      iterun watch k3fa --json | jq .metrics.ppl
    """
    from iterun.cli import watch

    status = watch.watch(words or [], outputs=outputs, once=once, as_json=as_json)
    raise typer.Exit(status)

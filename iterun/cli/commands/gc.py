"""`iterun gc`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Yes


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|FILTER…] [checkpoint.KEY=N]",
            help="only these runs; checkpoint.last, .best or .every_kept instead of what each run "
            "was started with",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="only tell what would be freed")
    ] = False,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="also what resumes gave up and moved aside")
    ] = False,
    trash: Annotated[
        str | None,
        typer.Option(
            "--trash", metavar="AGE", help="also runs that lie in the trash so long (30d)"
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Free space: what no run needs, by kind, in bytes.

    Checkpoints beyond those that the run's own group `checkpoint` keeps; tensors and files that no
    checkpoint refers to; what killed writers left half written; sweeps that came to nothing. The
    newest checkpoint of a run that may still be resumed stays, and runs that are running are left
    alone. With checkpoint.KEY, --dropped or --trash it asks.

    Examples:
      iterun gc --dry-run
      iterun gc
      iterun gc task=prune checkpoint.last=1 checkpoint.best=0
      iterun gc --dropped --trash 30d --yes
    """
    from iterun.cli import freeing

    freeing.gc(
        words or [], outputs=outputs, dry_run=dry_run, dropped=dropped, trashed=trash, yes=yes,
        as_json=as_json,
    )  # fmt: skip

"""`iterun report`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import Outputs, Runs


def command(
    words: Runs = None,
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FILE", help="the page (report.html)")
    ] = "report.html",
    title: Annotated[
        str | None, typer.Option("--title", metavar="TEXT", help="what stands at its head")
    ] = None,
    whole: Annotated[
        int,
        typer.Option(
            "--whole",
            metavar="N",
            help="show N runs (50) whole, the first ones; the tables hold all",
        ),
    ] = 50,
    megabytes: Annotated[
        int,
        typer.Option("--megabytes", metavar="MB", help="leave out what makes it larger (32)"),
    ] = 32,
    is_opened: Annotated[bool, typer.Option("--open", help="open it in the browser")] = False,
    outputs: Outputs = None,
) -> None:
    """Write runs as one page that works offline: curves, tables, pictures, config, environment.

    Settings stand side by side with the mean over their seeds; tables can be sorted and filtered.
    The file holds all it needs, fetches nothing, and can be passed on. It names the machine and the
    folders of the runs, as the runs do.

    Examples:
      iterun report @-1
      iterun report task=prune since=2d --out pruning.html
      iterun report 3f9a k3fa --title "Two criteria" --open
    """  # fmt: skip
    from iterun.cli import report

    report.write(
        words or [], outputs=outputs, out=out, title=title, whole=whole, megabytes=megabytes,
        is_opened=is_opened,
    )  # fmt: skip

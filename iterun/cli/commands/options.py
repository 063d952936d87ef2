"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands import FLAGS

Outputs = Annotated[
    str | None, typer.Option("--outputs", metavar="DIR", help=FLAGS["--outputs"])
]  # fmt: skip
Unused = Annotated[str | None, typer.Option("--outputs", hidden=True)]  #: every line takes it
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for other programs")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV, for spreadsheets")]
Quiet = Annotated[bool, typer.Option("--quiet", help=FLAGS["--quiet"])]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|FILTER…",
        help="runs by id, the start of one, tag, directory or @-1; or all that fit conditions, as "
        "`iterun ls` takes them",
    ),
]  # fmt: skip

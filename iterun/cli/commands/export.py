"""`iterun export`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs


def command(
    words: Runs = None,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TO",
            help="csv or parquet (a table), tensorboard, mlflow, wandb or trackio (the tool)",
        ),
    ] = "csv",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PLACE",
            help="the file (csv: else to stdout), the tool's folder (else where logger= mirrors "
            "to, .trackers below outputs) or a tracking address of MLflow",
        ),
    ] = None,
    what: Annotated[
        str,
        typer.Option("--what", metavar="ROWS", help="of a table: iterations (a row each) or runs"),
    ] = "iterations",
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Write runs for other programs: curves with their times, parameters, costs, tags, results.

    A tool that has a run already, from a mirror (logger=mlflow) or an export before, is told the
    rest of it: nothing is doubled, unless the mirror was given an experiment or project of its own.
    Nothing leaves this machine: wandb is offline, and `wandb sync` brings its runs up. Runs that go
    on are left out of tools, not of tables.

    Examples:
      iterun export task=prune --to csv --out iterations.csv
      iterun export task=prune since=2d --to parquet --what runs --out runs.parquet
      iterun export k3fa --to tensorboard
      iterun export state=completed --to mlflow --out sqlite:////data/mlflow.db
    """  # fmt: skip
    from iterun.cli import export

    status = export.export(
        words or [], to=to, place=out, what=what, as_json=as_json, outputs=outputs
    )  # fmt: skip
    raise typer.Exit(status)

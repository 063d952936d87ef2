"""`iterun ls`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILTER…]",
            help="conditions that all must hold: NAME=VALUE, also != > >= < <= and ~ (holds "
            "the text); * stands for any text. Names: task, status, model, data, seed, tag, since, "
            "before (45m, 3h, 2d, 1w or a date) and every parameter, metric, result and cost. "
            "Quote > and <: the shell has its own use for them",
        ),
    ] = None,
    number: Annotated[
        int, typer.Option("-n", "--number", metavar="N", help="at most N runs (40), the newest")
    ] = 40,
    whole: Annotated[bool, typer.Option("--all", "-a", help="every run")] = False,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort",
            metavar="KEY",
            help="by a column, parameter or metric: the objective's best first, else the largest",
        ),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", "-r", help="turn the order around")] = False,
    columns: Annotated[
        str | None,
        typer.Option("--columns", metavar="A,B", help="these columns, as in id,sparsity,ppl_final"),
    ] = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, for spreadsheets")] = False,
    outputs: Outputs = None,
) -> None:
    """List runs, newest first: what tells them apart, the objective's last and best value, age.

    Columns that don't fit the screen are left out, and which ones is said below; --json and --csv
    hold everything.

    Examples:
      iterun ls
      iterun ls task=prune status=completed since=2d
      iterun ls 'sparsity>0.5' --sort ppl_final -n 10
      iterun ls --columns id,model,seed,ppl_final,peak_mem_mb
      iterun ls --json | jq '.[].last'
    """  # fmt: skip
    from iterun.cli import ls as listing
    from iterun.errors import ConfigError

    if number < 1:
        raise ConfigError(f"-n {number}: a list has at least one row", hint="as in -n 10, or --all")
    form = "csv" if as_csv else "json" if as_json else "table"
    explicit = None if whole or (form != "table" and number == 40) else number
    listing.show(
        filters or [], outputs=outputs, most=explicit, sort=sort, reverse=reverse, names=columns,
        form=form,
    )  # fmt: skip

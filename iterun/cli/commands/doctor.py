"""`iterun doctor`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|FILTER…]", help="with --runs: only these, as `iterun ls` takes them"
        ),
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="look at the recorded runs instead of the machine")
    ] = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="with --runs: repair what can be repaired; deletes no data"),
    ] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="with --runs: hash every checkpoint; read every line")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Look at this machine: versions, devices, threads, memory, disk, caches, hub, offline models.

    Imports torch, hence takes some seconds. Exit status 1 if something would keep a run from
    working.

    --runs looks at the recorded runs: torn lines, processes that are gone, checkpoints and files
    that are missing or can't be read, links that lead out, clocks, the index. --fix moves aside
    what is in the way and says what it did. Exit status 1 if problems are left.

    Examples:
      iterun doctor
      iterun doctor --runs
      iterun doctor --runs --fix since=1w
      iterun doctor --json
    """
    from iterun.errors import ConfigError

    if runs:
        from iterun.cli import examine_runs

        status = examine_runs.show(
            words or [], outputs=outputs, fix=fix, deep=deep, as_json=as_json
        )
        raise typer.Exit(status)
    if fix or deep or words:
        raise ConfigError("this needs --runs", hint="as in iterun doctor --runs")
    from iterun.cli import doctor as examination

    raise typer.Exit(examination.show(outputs=outputs, as_json=as_json))

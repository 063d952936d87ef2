"""The typer app: every command, its options and their help. The work is imported inside."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands import COMMANDS, FLAGS
from iterun.cli.house import Command, Group

app = typer.Typer(
    name="iterun", cls=Group, add_completion=False, rich_markup_mode=None, no_args_is_help=False
)

Outputs = Annotated[
    str | None, typer.Option("--outputs", metavar="DIR", help=FLAGS["--outputs"])
]  # fmt: skip
Unused = Annotated[str | None, typer.Option("--outputs", hidden=True)]  #: every line takes it
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for other programs")]
Quiet = Annotated[bool, typer.Option("--quiet", help=FLAGS["--quiet"])]


@app.callback()
def iterun() -> None:
    """Run iterative procedures as experiments."""


@app.command(cls=Command, short_help=COMMANDS["tasks"].about)
def tasks(
    family: Annotated[
        str | None, typer.Argument(metavar="[FAMILY]", help="only its systems, as in prune")
    ] = None,
    as_json: AsJson = False,
    outputs: Unused = None,
) -> None:
    """List every system: what one iteration is, its default model, seconds on a CPU, its paper.

    Examples:
      iterun tasks
      iterun tasks prune
      iterun show task=prune/perp
    """
    from iterun.cli import systems

    systems.list_all(family, as_json=as_json)


@app.command(cls=Command, short_help=COMMANDS["ls"].about)
def ls(
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


@app.command(cls=Command, short_help=COMMANDS["show"].about)
def show(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="an id, the start of one, a tag, a directory, @-1 (the newest), @-2 …; RUN@7 is "
            "its iteration 7; task=SYSTEM is a system",
        ),
    ],
    whole: Annotated[
        bool, typer.Option("--all", "-a", help="every iteration and artifact")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Show one run, whole: parameters, state, iterations, costs, artifacts, environment.

    Seconds are wall time; the parameters marked with * were typed on the command line.

    Examples:
      iterun show @-1
      iterun show k3fa@7
      iterun show task=prune/perp
    """
    from iterun.cli import show as page

    page.show(run, outputs=outputs, whole=whole, as_json=as_json)


@app.command(cls=Command, short_help=COMMANDS["resume"].about)
def resume(
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
    from iterun.cli import run

    status = run.resume(words or [], outputs=outputs, quiet=quiet, as_json=as_json)
    raise typer.Exit(status)


@app.command(cls=Command, short_help=COMMANDS["doctor"].about)
def doctor(as_json: AsJson = False, outputs: Outputs = None) -> None:
    """Look at this machine: versions, devices, threads, memory, disk, caches, hub, offline models.

    Imports torch, hence takes some seconds. Exit status 1 if something would keep a run from
    working.

    Examples:
      iterun doctor
      iterun doctor --json
    """
    from iterun.cli import doctor as examination

    raise typer.Exit(examination.show(outputs=outputs, as_json=as_json))


@app.command(cls=Command, short_help=COMMANDS["completion"].about)
def completion(
    shell: Annotated[
        str | None, typer.Argument(metavar="[SHELL]", help="bash, zsh or fish; by default $SHELL")
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="write it to where the shell looks for it")
    ] = False,
    outputs: Unused = None,
) -> None:
    """Complete commands, run ids, and the values of task=, model=, data=, backend=, stop= on Tab.

    Prints the shell's script, or installs it.

    Examples:
      iterun completion bash --install
      source <(iterun completion bash)
      iterun completion fish > ~/.config/fish/completions/iterun.fish
    """
    from iterun.cli import shells

    shells.show(shell, install=install)

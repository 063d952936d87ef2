"""`iterun fork`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Quiet


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN[@I] [KEY=VALUE…]",
            help="a run as `iterun show` names it, alive or ended, and the iteration whose state "
            "is taken (its last one); settings as on the line of a run: task.KEY, model=, data=, "
            "backend=, stop=, checkpoint=, seed=, tags=",
        ),
    ] = None,
    multirun: Annotated[
        bool, typer.Option("-m", "--multirun", help="a fork for each of several values: KEY=1,2,3")
    ] = False,
    config_dir: Annotated[
        str | None,
        typer.Option(
            "--config-dir", metavar="DIR", help="further groups to choose from (else the run's own)"
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Branch off: a run of its own that goes on from an iteration of another one.

    Both share the iterations up to there, which are copied; so is that checkpoint. Where there is
    none, the way from the checkpoint before it is gone through again, with the settings of then.
    Without a changed setting the fork comes out as the run itself would, bit for bit on a CPU.

    seed=N begins all random generators anew from there on; without it theirs go on. What the other
    run needs is never touched, and the fork stands when that one is deleted.

    Examples:
      iterun fork k3fa@7 task.lr=1e-3
      iterun fork @-1 stop.iterations=null task.lr=1e-3
      iterun fork k3fa@7 -m task.lr=1e-3,5e-3 seed=1,2,3
    """
    from iterun.cli import fork

    status = fork.fork(
        words or [], multirun=multirun, config_dir=config_dir, outputs=outputs, quiet=quiet,
        as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(status)

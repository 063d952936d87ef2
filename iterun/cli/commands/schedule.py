"""`iterun schedule`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="an id, the start of one, a tag, a directory, @-1 (the newest)"
        ),
    ],
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="the norms; else grad_norm_l1 where the run has it, as with Adam, or grad_norm",
        ),
    ] = None,
    tau: Annotated[
        float,
        typer.Option("--tau", metavar="T", help="share of the steps that the filter looks over"),
    ] = 0.1,
    power: Annotated[
        str,
        typer.Option("--power", metavar="P", help="of 1 / norm: 2 (SGD), 1 (Adam) or auto"),
    ] = "auto",
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="the schedule, CSV (else refined_schedule.csv here); a picture beside it",
        ),
    ] = None,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Refine the learning-rate schedule of the next run from the gradient norms of this one.

    Norms are read step by step from the artifact gradient_norms.jsonl (of the run's last training),
    else a value an iteration. The file is what schedule=file reads: multipliers of the peak rate,
    which has still to be chosen. The bounds are those of arXiv 2310.07831 at distance 1.

    Examples:
      iterun schedule @-1
      iterun schedule k3fa --metric grad_norm --tau 0.2 --out warmup.csv
      iterun task=prune schedule=file schedule.path=refined_schedule.csv
    """
    from iterun.cli import schedule as refinement

    refinement.schedule(
        run, metric=metric, tau=tau, power=power, file=out, outputs=outputs, as_json=as_json
    )

"""`iterun forecast`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs


def command(
    runs: Runs = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", metavar="NAME", help="look at it (stop.metric, the objective)"),
    ] = None,
    goal: Annotated[
        str | None, typer.Option("--goal", metavar="min|max", help="of --metric")
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", metavar="N", help="at this iteration (stop.horizon, the last)"),
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(
            "--gain",
            metavar="G",
            help="what is not worth going on for, in the metric's unit (stop.gain, else 0.005 of "
            "a share, half a percent of the range of anything else)",
        ),
    ] = None,
    top: Annotated[
        float | None,
        typer.Option(
            "--top",
            metavar="T",
            help="what the metric can't go beyond (stop.top, else 1 within [0, 1], 0 for a "
            "falling one from 0)",
        ),
    ] = None,
    x: Annotated[
        str | None,
        typer.Option(
            "--x", metavar="NAME", help="the curve goes over it: a metric, as words (iteration)"
        ),
    ] = None,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Say what runs will come to at their end, and what going on will gain.

    A power law is fitted to the values so far; RUN@7 takes those up to iteration 7. The interval
    is the range of the last five fits, widened by what the law leaves over: no confidence level, of
    51 curves it held what came for two in three. Before the prediction level, where the asymptotes
    have not come to rest, a forecast is provisional. A run at its end has one beyond it alone, by
    --horizon N. The last part says where the rule stop=forecast would have ended the run, what it
    would have saved and what it would have lost.

    Examples:
      iterun forecast
      iterun forecast @-1@20 --gain 0.01
      iterun forecast task=rlhf/curate --horizon 60
      iterun forecast @-1 --metric loss --goal min --x tokens
    """
    from iterun.analysis.forecast import Asked
    from iterun.cli import forecast

    asked = Asked(metric=metric, goal=goal, horizon=horizon, gain=gain, top=top, x=x)
    forecast.show(runs or ["@-1"], asked, outputs=outputs, as_json=as_json)

"""`iterun plot`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsCsv, AsJson, Outputs

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|FILTER… [METRIC…]",
        help="runs by id, the start of one, tag, directory or @-1, or all that fit "
        "conditions as `iterun ls` takes them (RUN@7: up to iteration 7); any other word is "
        "a metric or a cost. Without a run, the newest one; without a metric, the objective "
        "and its other arms",
    ),
]
Metric = Annotated[
    list[str] | None,
    typer.Option("--metric", metavar="NAME", help="a metric, if a run has the same name"),
]
X = Annotated[
    str,
    typer.Option(
        "--x",
        metavar="NAME",
        help="the x axis: iteration, seconds (since the beginning), or a metric: --x tokens",
    ),
]
Each = Annotated[bool, typer.Option("--each", help="each run, instead of the mean over seeds")]
Ahead = Annotated[
    bool,
    typer.Option(
        "--forecast",
        help="the power law through each line and on to the last iteration: dashed, in a picture "
        "dotted",
    ),
]
LogX = Annotated[bool, typer.Option("--logx", help="logarithmic x axis")]
LogY = Annotated[bool, typer.Option("--logy", help="logarithmic y axis")]
Height = Annotated[
    int | None,
    typer.Option("--height", metavar="ROWS", help="of each panel, in the terminal"),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="a picture instead: .png, .svg or .pdf"),
]
Style = Annotated[
    str, typer.Option("--style", metavar="NAME", help="of the picture: light or dark")
]
Size = Annotated[
    str | None,
    typer.Option(
        "--size", metavar="WxH", help="of the picture in inches, as in 3.3x2.5 for a column"
    ),
]


def command(
    words: Words = None,
    metric: Metric = None,
    x: X = "iteration",
    each: Each = False,
    forecast: Ahead = False,
    log_x: LogX = False,
    log_y: LogY = False,
    height: Height = None,
    out: Out = None,
    style: Style = "light",
    size: Size = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    outputs: Outputs = None,
) -> None:
    """Plot runs: a line for each setting, the mean over its seeds with its 95 % interval.

    Lines are told apart by letters, so that no colour is needed. --csv and --json give the points
    that are drawn.

    Examples:
      iterun plot
      iterun plot task=prune/perp since=2d
      iterun plot @-1 @-2 ppl tokens_per_s --x seconds
      iterun plot @-1 --forecast --out ahead.png
      iterun plot 'sparsity>=0.5' ppl --logy --out ppl.png
    """
    from iterun.cli import plot

    wanted = plot.Wanted(
        words or [], metric or [], x, each=each, log_x=log_x, log_y=log_y, ahead=forecast
    )
    form = "csv" if as_csv else "json" if as_json else ""
    plot.show(wanted, outputs=outputs, height=height, file=out, style=style, size=size, form=form)

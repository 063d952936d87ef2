"""`iterun compare`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsCsv, AsJson, Outputs, Runs

Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="A,B",
        help="metrics, results or costs beside the objective; all: every one",
    ),
]
Single = Annotated[bool, typer.Option("--runs", help="every run by itself, no means")]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="RUN|KEY=VALUE|first",
        help="test each setting against this one, paired by seed; with KEY=VALUE against "
        "the setting that differs in KEY alone; first: the first run named, else the oldest",
    ),
]
At = Annotated[
    int | None,
    typer.Option(
        "--at",
        metavar="I",
        help="values of iteration I; a run without it has none (RUN@7: of one run)",
    ),
]
Paper = Annotated[
    bool, typer.Option("--paper", help="add published figures, apart, with their source")
]
AllStates = Annotated[
    bool,
    typer.Option("--all-states", help="count unfinished, failed and diverged runs too"),
]
Sort = Annotated[
    str | None,
    typer.Option(
        "--sort",
        metavar="KEY",
        help="by a metric, cost, parameter or n: the objective's best first (the default), "
        "else the largest",
    ),
]
Reverse = Annotated[bool, typer.Option("--reverse", "-r", help="turn the order around")]
Number = Annotated[
    int, typer.Option("-n", "--number", metavar="N", help="at most N settings a system (40)")
]
AsMarkdown = Annotated[bool, typer.Option("--md", help="a Markdown table")]
Parquet = Annotated[
    str | None, typer.Option("--parquet", metavar="FILE", help="write a Parquet file")
]


def command(
    words: Runs = None,
    metrics: Metrics = None,
    runs: Single = False,
    baseline: Baseline = None,
    at: At = None,
    paper: Paper = False,
    all_states: AllStates = False,
    sort: Sort = None,
    reverse: Reverse = False,
    number: Number = 40,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    parquet: Parquet = None,
    outputs: Outputs = None,
) -> None:
    """Compare settings side by side: only what differs, seeds grouped, best marked.

    Without words: the newest sweep if the newest run belongs to one, else all runs of the newest
    run's system. Seeds of one signature make one row: mean, 95 % bootstrap interval, n. Completed
    runs count, the newest of each seed; how many are left out is said. --baseline adds a paired t
    test: difference, interval, p, and the seeds needed to see such a difference four times in five.
    Bootstrap intervals of few seeds are narrow: of two they hold the true mean one time in two, of
    three three times in four.

    CSV, JSON and Parquet hold all settings and digits: NAME is a mean, NAME.low and NAME.high its
    interval, NAME.n its seeds.

    Examples:
      iterun compare
      iterun compare task=prune/perp since=2d --metrics ppl_final,trainable_pct
      iterun compare task=prune/perp --baseline mode=none
      iterun compare k3fa m2qx --runs --at 3
      iterun compare 'sparsity>0.5' --sort seconds --csv > settings.csv
    """  # fmt: skip
    from iterun.cli import compare as comparing

    comparing.show(
        comparing.Asked(
            words=words or [], metrics=metrics, runs=runs, baseline=baseline, at=at, paper=paper,
            all_states=all_states, sort=sort, reverse=reverse, number=number, csv=as_csv,
            json=as_json, markdown=as_markdown, parquet=parquet,
        ),
        outputs=outputs,
    )  # fmt: skip

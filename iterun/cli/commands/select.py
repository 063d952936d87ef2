"""`iterun select`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs, Runs


def command(
    runs: Runs = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="NAME", help="choose by it (the objective)")
    ] = None,
    goal: Annotated[
        str | None, typer.Option("--goal", metavar="min|max", help="of --metric")
    ] = None,
    top: Annotated[
        int, typer.Option("--top", metavar="K", help="evaluate the best K settings (1)")
    ] = 1,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="SETTING|RUN",
            help="evaluate it too and test against it, seed by seed: 'sparsity=0.5', or a run",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="so many fresh seeds (5)")] = 5,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--eval",
            metavar="KEY=VALUE",
            help="what the evaluation has otherwise: data=wikitext2, data@eval_data=ptb, "
            "seed=11,12,13, hydra/launcher=joblib; may be given several times",
        ),
    ] = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="choose, and print the lines that would evaluate")
    ] = False,
    as_json: AsJson = False,
    as_md: Annotated[bool, typer.Option("--md", help="a Markdown table")] = False,
    outputs: Outputs = None,
) -> None:
    """Choose the best setting on its tuning seeds, then evaluate it on fresh ones.

    The best of many noisy scores is partly luck, so that the score a setting was chosen by is not
    its result. Settings are ranked by their mean over the seeds that they share; runs that are
    unfinished, failed or lack a seed take no part, and are named. The evaluation is a sweep like
    any other, tagged `evaluation`; asked for again, it is shown, not repeated.

    Examples:
      iterun select sweep=20261124-101500-k3fa7q2x
      iterun select task=prune/perp since=1d --baseline sparsity=0.5 --seeds 10
      iterun select sweep=20261124-101500-k3fa7q2x --top 3 --eval data=wikitext2 --dry-run
    """
    from iterun.cli import select
    from iterun.cli.select_plan import Asked

    form = "json" if as_json else "md" if as_md else "table"
    asked = Asked(
        words=runs or [], metric=metric, goal=goal, top=top, baseline=baseline, n_seeds=seeds,
        changes=changes or [], dry=dry, form=form, outputs=outputs,
    )  # fmt: skip
    raise typer.Exit(select.show(asked))

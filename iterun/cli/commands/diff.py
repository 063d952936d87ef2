"""`iterun diff`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    a: Annotated[str, typer.Argument(metavar="A", help="a run, as `iterun show` names it")],
    b: Annotated[str, typer.Argument(metavar="B", help="another one")],
    patch: Annotated[
        bool,
        typer.Option(
            "--patch", help="how the uncommitted changes of the code differ, line by line"
        ),
    ] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="exit with 1 if the iterations differ")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Tell how two runs differ: settings, code, packages, machine, iterations, results.

    Of the iterations: the first one and the metric or label that is not the same, bit for bit, and
    the largest relative difference. Seconds and costs never are the same and are not looked at.

    Examples:
      iterun diff @-2 @-1
      iterun diff k3fa m2qx --patch
      iterun diff k3fa m2qx --exit-code && echo the same numbers
    """
    from iterun.cli import diff

    equal = diff.show(a, b, outputs=outputs, patch=patch, as_json=as_json)
    raise typer.Exit(int(exit_code and not equal))

"""`iterun note`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="an id, the start of one, a tag, a directory, @-1")
    ],
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]", help='the remark, instead of the one there is; "" removes it'
        ),
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", "-e", help="write it in $VISUAL or $EDITOR")
    ] = False,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Write a remark on a run, or print the one it has.

    `iterun show` shows it, and `iterun ls note~WORD` finds it. A run that is just running takes
    one too.

    Examples:
      iterun note @-1 learning rate too high
      iterun note k3fa
      iterun note k3fa ""
    """
    from iterun.cli import tagging

    tagging.note(run, text, edit=edit, outputs=outputs, as_json=as_json)

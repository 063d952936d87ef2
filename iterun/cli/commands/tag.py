"""`iterun tag`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import AsJson, Outputs

SETTINGS = {"ignore_unknown_options": True}  #: -word is ours


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN|FILTER… +TAG -TAG]",
            help="runs by id, the start of one, tag, directory or @-1, or all that fit conditions "
            "as `iterun ls` takes them; +TAG gives them a tag, -TAG takes it away",
        ),
    ] = None,
    as_json: AsJson = False,
    outputs: Outputs = None,
) -> None:
    """Give runs words to find them by: `iterun ls tag=best`, `iterun show best`.

    Without +TAG and -TAG it shows the tags of these runs; without a run, all tags there are. A run
    that is just running takes tags too.

    Examples:
      iterun tag @-1 +best
      iterun tag task=prune 'sparsity>0.5' +for-paper -draft
      iterun tag
    """
    from iterun.cli import tagging

    tagging.tag(words or [], outputs=outputs, as_json=as_json)

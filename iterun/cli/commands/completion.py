"""`iterun completion`: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from iterun.cli.commands.options import Unused


def command(
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

"""`iterun doctor`: its options and its help."""

from __future__ import annotations

import typer

from iterun.cli.commands.options import AsJson, Outputs


def command(as_json: AsJson = False, outputs: Outputs = None) -> None:
    """Look at this machine: versions, devices, threads, memory, disk, caches, hub, offline models.

    Imports torch, hence takes some seconds. Exit status 1 if something would keep a run from
    working.

    Examples:
      iterun doctor
      iterun doctor --json
    """
    from iterun.cli import doctor as examination

    raise typer.Exit(examination.show(outputs=outputs, as_json=as_json))

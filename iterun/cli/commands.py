"""Every command's name and line of help, once: for dispatch, help, completion and the typer app."""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command as lists and completion show it."""

    usage: str
    about: str


COMMANDS = {
    "tasks": Command(
        "[FAMILY]", "every system: its paper, what one iteration is, seconds on a CPU"
    ),
    "ls": Command(
        "[FILTER…]", "runs, newest first: task=prune 'sparsity>0.5' status=failed since=2d"
    ),
    "show": Command("RUN", "one run, whole; or what a system does: show task=prune/perp"),
    "resume": Command(
        "RUN… [stop.KEY=N]", "go on with a run that was stopped, killed or ended early"
    ),
    "doctor": Command("", "versions, devices, memory, caches, hub, models that work offline"),
    "completion": Command("[SHELL]", "Tab completion for bash, zsh or fish"),
}
HELP = "help"  #: `iterun help ls` is `iterun ls --help`

#: flags of every line, and what each does; --outputs takes a value
FLAGS = {
    "--outputs": "where runs are kept (else $ITERUN_OUTPUTS, else ./outputs)",
    "--quiet": "of a run, print only its directory",
    "--json": "for machines: one object an event, or the whole list",
    "--debug": "show the traceback of an error",
}

"""What `iterun` alone and `iterun --help` say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterun import __version__
from iterun.cli.commands import FLAGS, GROUPS
from iterun.cli.console import Screen, Span
from iterun.cli.text import pad, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST_STEPS = (
    ("iterun tasks", "what there is to run"),
    ("iterun task=prune", "run it: a small model and text come with iterun"),
    ("iterun task=prune --help", "its parameters, with units and values"),
    ("iterun ls", "your runs, newest first"),
    ("iterun show @-1", "the newest one, whole"),
    ("iterun --help", "everything else"),
)
_LINES = (
    ("iterun task=prune", "its default system, on the embedded model"),
    ("iterun task=prune/perp task.sparsity=0.6", "0.6: the share of weights removed"),
    ("iterun task=prune model=opt-2.7b backend=gpu", "another model, on a GPU"),
    ("iterun task=prune stop.seconds=600", "at most so many seconds"),
    ("iterun -m task=prune seed=1,2,3", "a sweep: one run each"),
    ("iterun task=prune/perp --help", "a system's parameters and units"),
)
_NAMING = (
    "RUN is a run's id, the start of one, its directory, or @-1 (the newest), @-2 …; "
    "RUN@7 is its iteration 7."
)


def guide(screen: Screen) -> None:
    """Guide a newcomer: six lines to type."""
    screen.line(Span("iterun", "bold"), " runs iterative procedures as experiments.")
    screen.line()
    _pairs(screen, _FIRST_STEPS, style="accent")


def show_version(screen: Screen) -> None:
    """The version."""
    screen.line(f"iterun {__version__}")


def show_help(screen: Screen) -> None:
    """The help of the whole program."""
    screen.line(Span("iterun", "bold"), f" {__version__}: runs iterative procedures as experiments")
    _heading(screen, "Run")
    _pairs(screen, _LINES, style="accent")
    remark = "iterun COMMAND --help says more"
    for title, commands in GROUPS.items():
        _heading(screen, title, remark)
        rows = [(f"{name} {c.usage}", c.about) for name, c in commands.items()]
        _pairs(screen, rows, style="accent")
        remark = ""
    _heading(screen, "Options")
    flags = [(f"{name} DIR" if name == "--outputs" else name, text) for name, text in FLAGS.items()]
    _pairs(screen, [*flags, ("--version", "this version"), ("--hydra-help", "Hydra's own options")])
    screen.line()
    screen.prose(_NAMING, style="dim")


def _heading(screen: Screen, title: str, remark: str = "") -> None:
    screen.line()
    screen.line(Span(title, "bold"), Span(f"   {remark}" if remark else "", "dim"))


def _pairs(screen: Screen, pairs: Iterable[tuple[str, str]], style: str = "") -> None:
    rows = list(pairs)
    widest = max(len(left) for left, _ in rows)
    for left, right in rows:
        first, *more = wrap(right, max(screen.width - widest - 5, 20))
        screen.line("  ", Span(pad(left, widest), style), "   ", first)
        for line in more:
            screen.line(" " * (widest + 5), line)

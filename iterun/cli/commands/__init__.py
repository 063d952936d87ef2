"""Every command once: its name and line of help, for dispatch, help and completion.

`iterun.cli.commands.NAME.command` is what typer calls; only the one asked for is imported.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """A command as lists and completion show it."""

    usage: str
    about: str
    options: tuple[str, ...] = ()  #: what Tab offers behind a dash, but --help and --outputs


#: by the heading that the commands stand under in `iterun --help`
GROUPS: dict[str, dict[str, Command]] = {
    "Look": {
        "tasks": Command(
            "[FAMILY]", "every system: its paper, what one iteration is, seconds on a CPU",
            ("--json",),
        ),
        "ls": Command(
            "[FILTER…]", "runs, newest first: task=prune 'sparsity>0.5' status=failed since=2d",
            ("--all", "--sort", "--reverse", "--columns", "--json", "--csv", "--number"),
        ),
        "show": Command(
            "RUN", "one run, whole; or what a system does: show task=prune/perp",
            ("--all", "--json"),
        ),
        "compare": Command(
            "[RUN|FILTER…]", "side by side: what differs, seeds grouped, intervals, paired tests",
            ("--metrics", "--runs", "--baseline", "--at", "--paper", "--all-states", "--sort",
             "--reverse", "--number", "--csv", "--json", "--md", "--parquet"),
        ),
        "diff": Command("A B", "two runs: settings, code, packages, first iteration that differs",
                        ("--patch", "--exit-code", "--json")),
        "plot": Command(
            "RUN|FILTER… [METRIC…]", "curves, bands over seeds; in the terminal, or --out f.png",
            ("--metric", "--x", "--each", "--forecast", "--logx", "--logy", "--height", "--out",
             "--style", "--size", "--json", "--csv"),
        ),
        "forecast": Command(
            "[RUN|FILTER…]", "what runs will come to at their end, and what going on will gain",
            ("--metric", "--goal", "--horizon", "--gain", "--top", "--x", "--json"),
        ),
        "watch": Command("[RUN|FILTER…]", "runs while they go on, live", ("--once", "--json")),
        "ui": Command("[FILTER…]", "a screen to browse, filter, mark, plot and compare runs"),
        "report": Command(
            "RUN|FILTER…", "one self-contained page: --out report.html",
            ("--out", "--title", "--whole", "--megabytes", "--open"),
        ),
    },
    "Go on": {
        "resume": Command(
            "RUN…|FILTER… [stop.KEY=N]", "go on with runs that were stopped, killed or ended early",
            ("--dry-run", "--yes", "--quiet", "--json"),
        ),
        "fork": Command(
            "RUN@7 KEY=VALUE…", "branch off at an iteration with other settings",
            ("--multirun", "--config-dir", "--quiet", "--json"),
        ),
        "tree": Command("[RUN|FILTER…]", "which run came from which", ("--json",)),
        "schedule": Command(
            "RUN", "the step sizes of the next run, refined from the gradient norms of this one",
            ("--metric", "--tau", "--power", "--out", "--json"),
        ),
        "verify": Command(
            "RUN|FILTER…", "run it again and say where, if at all, it differs, and why",
            ("--from", "--upto", "--all", "--keep", "--quiet", "--json"),
        ),
        "select": Command(
            "RUN|FILTER…", "the best setting of a sweep, evaluated on fresh seeds",
            ("--metric", "--goal", "--top", "--baseline", "--seeds", "--eval", "--dry-run",
             "--json", "--md"),
        ),
    },
    "Keep": {
        "tag": Command("[RUN|FILTER… +TAG -TAG]", "words to find runs by", ("--json",)),
        "note": Command("RUN [TEXT]", "a remark on a run", ("--edit", "--json")),
        "rm": Command(
            "RUN|FILTER…", "move runs to the trash; --restore brings them back",
            ("--trash", "--restore", "--purge", "--older", "--yes", "--json"),
        ),
        "gc": Command(
            "[RUN|FILTER…]", "free space: checkpoints by retention, orphaned files, the trash",
            ("--dry-run", "--dropped", "--trash", "--yes", "--json"),
        ),
        "export": Command(
            "RUN|FILTER…", "to csv, parquet, tensorboard, mlflow, wandb, trackio",
            ("--to", "--out", "--what", "--json"),
        ),
    },
    "This machine": {
        "doctor": Command(
            "", "versions, devices, memory, caches, models that work offline; --runs: the runs",
            ("--runs", "--fix", "--deep", "--json"),
        ),
        "completion": Command("[SHELL]", "Tab completion for bash, zsh or fish", ("--install",)),
    },
}  # fmt: skip
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
HELP = "help"  #: `iterun help ls` is `iterun ls --help`

#: flags of every line, and what each does; --outputs takes a value
FLAGS = {
    "--outputs": "where runs are kept (else $ITERUN_OUTPUTS, else ./outputs)",
    "--quiet": "of a run, print only its directory",
    "--json": "for machines: one object an event, or the whole list",
    "--debug": "show the traceback of an error",
}

"""`iterun select`: the best setting by its tuning seeds, evaluated on fresh ones.

The table shows both apart: what a setting was chosen by is never its result (arXiv 2403.09066).
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iterun.analysis import selection
from iterun.analysis.evaluation import Evaluated, table
from iterun.cli import picked, select_table
from iterun.cli.console import Span, err, out
from iterun.cli.figures import count
from iterun.cli.select_plan import Asked, Planned, plan_all
from iterun.errors import ConfigError
from iterun.store import paths, selections, sweeps
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.rows import Row, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


_FOLDER = "hydra.sweep.dir"


def show(asked: Asked) -> int:
    """Choose, evaluate what is not evaluated yet, and show both; the exit status.

    Raises:
        IterunError: the runs are no ground for a choice, or the evaluation can't be done.
    """
    outputs = paths.outputs_root(asked.outputs)
    with Index(outputs) as index:
        rows = _tuning(index, asked.words)
        choice = selection.choose(rows, asked.metric, asked.goal)
        plans = plan_all(index, choice, rows, asked)
    select_table.tell_choice(err(), choice)
    for plan in plans:
        _look(plan, outputs, choice.metric)
    if asked.dry:
        for plan in plans:
            out().line(shlex.join(plan.record.command))
        return 0
    status = 0
    for plan in plans:
        if not plan.is_done:
            status = max(status, _evaluate(plan, outputs, asked))
            _look(plan, outputs, choice.metric)
            if status > 128:
                return status
    _tell_of_others(plans)
    lines = table(
        [
            Evaluated(label=p.record.label, role=p.record.role, tuned=p.tuned, values=p.values)
            for p in plans
        ],
        choice.goal,
    )
    select_table.show(choice, lines, [plan.record for plan in plans], asked.form)
    return status


def _tuning(index: Index, words: Sequence[str]) -> list[Row]:
    """The runs to choose among; what has no part in a choice is left out and said."""
    if not words:
        raise ConfigError(
            "select needs the runs to choose among",
            hint="as in iterun select sweep=ID, or iterun select task=prune/perp since=1d",
        )
    found = _picked(index, words)
    evaluations = [row for row in found if selections.TAG in row.tags]
    forks = [row for row in found if row.parent]
    for what, some in (("evaluation", evaluations), ("fork", forks)):
        if some:
            err().line(
                Span(f"left out: {count(len(some), f'{what} run')}", "dim"),
                Span(", no part of a choice", "dim"),
            )
    kept = [row for row in found if row not in evaluations and row not in forks]
    if not kept:
        raise ConfigError(
            f"all runs that fit {' '.join(words)} are evaluations or forks",
            hint="name the sweep that was tuned: iterun select sweep=ID",
        )
    return kept


def _picked(index: Index, words: Sequence[str]) -> list[Row]:
    """The runs that are meant; of a sweep also those that it found done already."""
    found = picked.whole(picked.runs(index, words), "iterun select")
    [word, *others] = words
    if not others and word.startswith("sweep="):
        folder = index.outputs / paths.SWEEPS / word.removeprefix("sweep=")
        known = {row.id for row in found}
        for job in sweeps.jobs(folder):
            if job.run not in known and job.directory and Path(job.directory).is_dir():
                found.append(row_of(Path(job.directory)))
    return found


def _look(plan: Planned, outputs: Path, metric: str) -> None:
    """Take in what there is of a setting's evaluation."""
    plan.folder = plan.folder or selections.find(outputs, plan.record.key)
    if plan.folder is not None:
        rows = [row_of(path) for path in selections.runs(plan.folder)]
        plan.values = selection.values_by_seed(rows, metric)


def _evaluate(plan: Planned, outputs: Path, asked: Asked) -> int:
    """Do the runs of an evaluation that are missing."""
    from iterun.launch.main import SweepError, run_line
    from iterun.launch.naming import new_id, now
    from iterun.launch.spelled import spelled

    if plan.folder is None:
        plan.folder = outputs.absolute() / paths.SWEEPS / f"{now()}-{new_id()}"
        selections.write(plan.folder, plan.record)
    err().line(
        Span(f"evaluating {plan.record.role}: ", "accent"), plan.record.label,
        Span(f"  seeds {_listed(plan.record.seeds)}", "dim"),
    )  # fmt: skip
    words = [*plan.record.command[1:], f"{_FOLDER}={spelled(_FOLDER, str(plan.folder))}"]
    try:
        with _progress() as hear:
            return run_line(words, lambda mode: hear, asked.outputs)
    except ConfigError:
        selections.discard(plan.folder)
        raise
    except SweepError as error:
        err().line(Span("warning: ", "warn"), error.message)
        return error.exit_status


@contextmanager
def _progress() -> Iterator[Callable[[Any], None]]:
    """Draws an evaluation while it goes on; the table of its jobs is not what was asked for."""
    from iterun.cli.run import is_lively
    from iterun.cli.sweep import PlainSweep
    from iterun.cli.sweep_live import LiveSweep
    from iterun.launch.events import SweepEnded

    display = LiveSweep() if is_lively() else PlainSweep()

    def hear(event: Any) -> None:
        if not isinstance(event, SweepEnded):
            display(event)

    try:
        yield hear
    finally:
        if isinstance(display, LiveSweep):
            display.close()


def _listed(seeds: Sequence[int]) -> str:
    in_a_row = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]} to {seeds[-1]}" if in_a_row else ", ".join(map(str, seeds))


def _tell_of_others(plans: Sequence[Planned]) -> None:
    """Say where the evaluation was not of the setting that was chosen."""
    for plan in plans:
        if plan.folder is None or plan.record.changes:
            continue
        signatures = set()
        for path in selections.runs(plan.folder):
            signatures.add(RunView(path).record.signature)
        if signatures - {plan.record.signature}:
            err().line(
                Span("warning: ", "warn"),
                f"the evaluation of {plan.record.label} ran other settings than were tuned: the "
                "defaults, the model or the text changed since",
            )

"""`iterun schedule`: a run's gradient norms made the schedule of the next one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from iterun.analysis import schedule_of_run
from iterun.analysis.iterations import save
from iterun.cli import meanings, picked
from iterun.cli.console import Part, Screen, Span, err, out
from iterun.cli.figures import count, value
from iterun.cli.formats import json_text
from iterun.cli.tables import facts
from iterun.errors import ConfigError
from iterun.store import paths
from iterun.store.index import Index
from iterun.store.reader import RunView
from iterun.store.rows import row_of

if TYPE_CHECKING:
    from iterun.analysis.schedule_of_run import Refined

DEFAULT = "refined_schedule.csv"
PICTURE = ".png"


def schedule(
    run: str, *, metric: str | None, tau: float, power: str, file: str | None,
    outputs: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Write the schedule and its picture, and say what it is.

    Args:
        run: the name of one.
        metric: of the norms; None: grad_norm_l1 where there is one, else grad_norm.
        tau: share of the steps that the filter looks over.
        power: "auto", "1" or "2".
        file: the CSV; None: refined_schedule.csv here.
        outputs: the folder with the runs; None: where they are by default.
        as_json: tell it as JSON.

    Raises:
        ConfigError: an option that can't be, or norms that no schedule can be made of.
        StoreError: the run can't be found or read.
    """
    place = Path(file or DEFAULT).expanduser()
    if not place.name or place.is_dir():
        raise ConfigError(f"--out {file} is a folder", hint=f"as in --out {place / DEFAULT}")
    picture = place.with_suffix(PICTURE)
    if picture == place:
        raise ConfigError(
            f"--out {file}: the schedule is a table, and a picture is written beside it",
            hint=f"as in --out {place.with_suffix('.csv')}",
        )
    view = _view(run, outputs)
    made = schedule_of_run.refined(view, metric=metric, tau=tau, power=power)
    save(place, lambda path: schedule_of_run.write_csv(path, made))
    save(picture, lambda path: schedule_of_run.write_picture(path, made))
    line = schedule_of_run.next_line(view, str(place)) if _takes_one(view) else None
    if as_json:
        where = {"out": str(place.absolute()), "picture": str(picture.absolute()), "next": line}
        report = {"id": view.id, **schedule_of_run.to_json(made), **where}
        out().raw(json_text(report) + "\n")
    else:
        _page(out(), view, made, [str(place), str(picture)])
        if line is not None:
            out().line(Span("next: ", "dim"), Span(line, "accent"))
        else:
            setting = f"schedule=file schedule.path={place}"
            out().line(Span(f"{view.system} reads no schedule; others do: {setting}", "dim"))
    if made.found.collapses:
        err().line(Span("warning: ", "warn"), _collapse(made))


def _takes_one(view: RunView) -> bool:
    """Whether the run's system reads schedule=, as its source says; True where that is not here."""
    task = view.config.get("task")
    found = meanings.read(str(task.get("_target_") if isinstance(task, dict) else ""))
    return not found.summary or "takes_schedule" in found.claims


def _view(run: str, outputs: str | None) -> RunView:
    with Index(paths.outputs_root(outputs)) as index:
        directory, iteration = index.resolve(run)
    [row] = picked.whole([picked.Picked(row_of(directory), iteration)], "iterun schedule")
    return RunView(row.path)


def _page(screen: Screen, view: RunView, made: Refined, files: list[str]) -> None:
    norms, found = made.norms, made.found
    ratio = found.bound_refined / found.bound_linear
    peak = f"{value(found.peak_position)} of the training, {norms.unit} {_number(made)}"
    both = f"linear {value(found.bound_linear)}, refined {value(found.bound_refined)}"
    pairs: list[tuple[str, Part]] = [
        ("norms", f"{norms.metric}, {count(len(norms.values), norms.unit)} of {norms.source}"),
        ("weights", f"1 / norm^{made.power}, filtered over {value(made.tau)} of the training"),
        ("peak", f"{peak}; begins at {value(float(found.multipliers[0]))} of it"),
        ("bound", f"{both}: {value(ratio)} of linear's"),
        ("written", ", ".join(files)),
    ]
    screen.line(Span(view.system, "bold"), "  ", Span(view.id, "bold"))
    facts(screen, pairs)


def _number(made: Refined) -> int:
    """The step or iteration of the peak."""
    return made.norms.first + made.found.peak_step


def _collapse(made: Refined) -> str:
    found = made.found
    return (
        f"the norms collapse: filtered, they end at {value(found.share_at_end)} of what is usual, "
        f"which puts the peak at {value(found.peak_position)} of the training. The closed form is "
        "known to fail there: linear decay is the safer choice"
    )

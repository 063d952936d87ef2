"""A schedule refined from the gradient norms that a run recorded, whatever it trained.

Norms a step stand in the artifact gradient_norms.jsonl, {"step": t, "grad_norm": ..., "i": ...}. A
training may go on over several iterations; where a run trained several times, the last time counts,
of those from step 0 on if there are any. A metric that is not there is taken from the iterations, a
value each.
"""

from __future__ import annotations

import csv
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iterun.analysis.typed_line import kept
from iterun.errors import ConfigError, nearest
from iterun.ops.lr_refinement import FEWEST, LARGEST_TAU, Refinement, first_unusable, refine
from iterun.ops.lr_refinement_figures import norms_and_schedules
from iterun.ops.lr_schedule import multipliers
from iterun.store import paths

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iterun.store.reader import RunView

FILE = "gradient_norms.jsonl"
NORM, L1_NORM = "grad_norm", "grad_norm_l1"
POWERS = ("auto", "1", "2")
_MOST_NAMES = 12  #: metrics that a hint lists
_DROPPED = ("schedule", "on_existing", "tags")  #: settings of the run that the next one has anew


@dataclass(frozen=True, kw_only=True)
class Norms:
    """The norms of one training."""

    metric: str
    values: list[float]
    first: int  #: number of the first one
    unit: str  #: what a value is of: "step" or "iteration"
    source: str  #: the file that they stand in


@dataclass(frozen=True, kw_only=True)
class Refined:
    """A schedule, and what it was made of."""

    norms: Norms
    power: int
    tau: float
    found: Refinement


def refined(view: RunView, *, metric: str | None, tau: float, power: str) -> Refined:
    """Refine the schedule of a run.

    Args:
        view: the run.
        metric: of the norms; None: grad_norm_l1 where the run has it, as with Adam, else grad_norm.
        tau: share of the steps that the filter looks over, in [0, 0.5].
        power: "1", "2", or "auto": 1 of l1 norms, 2 of others.

    Raises:
        ConfigError: an option that can't be, or norms that no schedule can be made of.
        StoreError: the run can't be read.
    """
    if not 0 <= tau <= LARGEST_TAU:
        raise ConfigError(f"--tau {tau:g} is outside [0, {LARGEST_TAU}]", hint="as in --tau 0.1")
    if power not in POWERS:
        raise ConfigError(f"--power {power} is not one of {', '.join(POWERS)}", hint="--power auto")
    norms = read(view, metric)
    at = first_unusable(norms.values)
    if at is not None:
        raise ConfigError(
            f"{norms.metric} of run {view.id} is {norms.values[at]:g} at {norms.unit} "
            f"{norms.first + at}, and norms are positive and finite",
            hint="take another metric, as in --metric grad_norm, or a run without it",
        )
    p = (1 if norms.metric.endswith("_l1") else 2) if power == "auto" else int(power)
    return Refined(norms=norms, power=p, tau=tau, found=refine(norms.values, power=p, tau=tau))


def read(view: RunView, metric: str | None = None) -> Norms:
    """The norms of a run's last training.

    Raises:
        ConfigError: there are none, too few, or one of a step is missing.
        StoreError: the run can't be read.
    """
    norms = _of_steps(view, metric) or _of_iterations(view, metric)
    if (n := len(norms.values)) < FEWEST:
        raise ConfigError(
            f"{norms.metric} of run {view.id} has {n} values in {norms.source}, and a schedule "
            f"takes {FEWEST}",
            hint="take a longer run, or another metric: --metric NAME",
        )
    return norms


def _of_steps(view: RunView, metric: str | None) -> Norms | None:
    """Out of the artifact; None: it is not there, or does not hold the metric."""
    if not view.has(f"{paths.ARTIFACTS}/{FILE}"):
        return None
    last = _last_training(row for row in view.appended(FILE) if isinstance(row.get("step"), int))
    if not last:
        return None
    first = last[0]["step"]
    names = [metric] if metric else [L1_NORM, NORM]
    name = next((name for name in names if any(name in row for row in last)), None)
    if name is None:
        return None
    for t, row in enumerate(last, first):
        if row["step"] != t or not isinstance(row.get(name), int | float):
            raise ConfigError(
                f"{name} of run {view.id} has no value at step {t}: a norm that is not finite is "
                "not recorded",
                hint="take a run whose gradients stay finite, as with a smaller rate",
            )
    values = [float(row[name]) for row in last]
    return Norms(metric=name, values=values, first=first, unit="step", source=FILE)


def _last_training(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the last training from step 0 on, or of the last one that began later.

    A training ends where the steps go back.
    """
    trainings: list[list[dict[str, Any]]] = []
    for row in rows:
        if not trainings or row["step"] <= trainings[-1][-1]["step"]:
            trainings.append([])
        trainings[-1].append(row)
    whole = [training for training in trainings if training[0]["step"] == 0]
    return next(reversed(whole or trainings), [])


def _of_iterations(view: RunView, metric: str | None) -> Norms:
    """A value an iteration; those before the first one that has the metric do not count."""
    iterations = view.iterations()
    known = list(dict.fromkeys(name for row in iterations for name in row.metrics))
    wanted = [metric] if metric else [L1_NORM, NORM]
    name = next((name for name in wanted if name in known), None)
    if name is None:
        near = nearest(wanted[-1], known)
        has = f"it has {', '.join([*near, *(x for x in known if x not in near)][:_MOST_NAMES])}"
        raise ConfigError(
            f"run {view.id} has no {wanted[-1]}, neither by step nor by iteration",
            hint=f"{has}: --metric NAME" if known else "it has no metric yet",
        )
    begin = next(k for k, row in enumerate(iterations) if name in row.metrics)
    rows = iterations[begin:]
    for row in rows:
        if name not in row.metrics:
            raise ConfigError(
                f"{name} of run {view.id} has no value at iteration {row.i}",
                hint="take a metric that every iteration has: --metric NAME",
            )
    return Norms(
        metric=name,
        values=[float(row.metrics[name]) for row in rows],
        first=rows[0].i,
        unit="iteration",
        source=paths.ITERATIONS,
    )


def write_csv(path: Path, made: Refined) -> None:
    """A header `step,multiplier`, then a line a step, all digits: as schedule=file reads it."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "multiplier"])
        writer.writerows(enumerate(made.found.multipliers.tolist()))


def write_picture(path: Path, made: Refined) -> None:
    """A PNG: norms, filtered norms, the schedule beside linear decay."""
    values = made.found.multipliers
    shown = {"linear": multipliers("linear", len(values)), "refined": values}
    figure = norms_and_schedules(
        made.found, shown, metric=made.norms.metric, unit=made.norms.unit, first=made.norms.first
    )
    figure.savefig(path, format="png")


def next_line(view: RunView, file: str) -> str:
    """The line that starts the run anew with the schedule, quoted for a shell.

    Of a run that another line made than one with settings, as a fork, only the system is named.
    """
    words = view.record.command[1:]
    first = words[0] if words else ""
    if not first or not ("=" in first or first[0] in "-+~"):
        words = [f"task={view.system}"]
    settings = kept(words, lambda key: key.partition(".")[0] in _DROPPED)
    own = [*settings, "schedule=file", f"schedule.path={_spelled(file)}"]
    return shlex.join(["iterun", *own])


def _spelled(file: str) -> str:
    """A path as Hydra reads it back: in quotes where a sign in it may mean something there."""
    if re.fullmatch(r"[\w./+@%-]+", file, re.ASCII):
        return file
    escaped = file.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def to_json(made: Refined) -> dict[str, Any]:
    """The numbers, for other programs."""
    found = made.found
    return {
        "metric": made.norms.metric, "source": made.norms.source, "unit": made.norms.unit,
        "n": len(made.norms.values), "power": made.power, "tau": made.tau,
        "peak_step": found.peak_step, "peak_position": found.peak_position,
        "bound_linear": found.bound_linear, "bound_refined": found.bound_refined,
        "collapses": found.collapses, "share_at_end": found.share_at_end,
    }  # fmt: skip

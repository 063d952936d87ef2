"""Learning-rate schedules refined from gradient norms, beside those in common use.

Paper: When, Why and How Much? Adaptive Learning Rate Scheduling by Refinement (arXiv 2310.07831).

    x_{t+1} = x_t - η_t g_t,  η_t = lr · multiplier_t                           (SGD; Adam likewise)
    ĝ       = median filter of the norms |g_t|, over a share τ of the steps
    w_t     = ĝ_t^-2 (SGD, l2 norms) or ĝ_t^-1 (Adam, l1 norms)
    multiplier_t ∝ w_t Σ_{s>t} w_s, the largest is 1                             (refined)
    E f(x_T) - f* <= D sqrt(Σ w_t² |g_t|²) / Σ w_t                               (bound; here D = 1)

One step is one training of T steps from fresh weights with one schedule and one peak rate, of all
`seeds`; weights and batches of a seed are the same in all of them. Order: each baseline over its
grid of rates, `given` (what schedule= names) if there is one, then `refine_rounds` times the
schedule refined from the norms of the best linear decay, later of the best refined run. Norms are
means over the seeds, (T,); grad_norm_first, _mid and _last are filtered.

Departures: a collapse is seen against the norms of the first quarter too, not only against all. The
embedded problems are small ones on scikit-learn's digits; text models train on windows drawn at
random. Rates are chosen by training loss, as fits a comparison of optimization.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.data.cache import digest
from iterun.errors import ConfigError, DivergedError, misset, nearest, too_small
from iterun.models.gradient_norms import FILE
from iterun.models.schedule_past import check_plan, check_settings, grid
from iterun.models.schedule_problems import Asked, Problem, Trained, made
from iterun.models.schedule_sweep import GIVEN, LINEAR, Sweep, round_name, source
from iterun.ops.lr_refinement import FEWEST, LARGEST_TAU, Refinement
from iterun.ops.lr_refinement_figures import loss_by_rate, norms_and_schedules
from iterun.ops.lr_schedule import FAMILIES, multipliers
from iterun.types import Architecture, LanguageModel

#: of each problem: what it takes from model= and data=
NEEDS = {
    "digits_noisy": (),
    "digits_mlp": (),
    "libsvm": ("data",),
    "text": ("model", "data"),
    "pictures": ("model", "data"),
}


@dataclass(kw_only=True)
class Schedule(Procedure):
    """Trainings by schedule and rate; refined schedules last."""

    threads: ClassVar = 1
    takes_schedule: ClassVar = True
    may_be_infinite: ClassVar = frozenset({
        *("train_loss", "train_loss_best", "train_loss_std", "test_loss", "test_loss_std"),
        *("grad_norm", "grad_norm_l1"),
    })  # fmt: skip

    problem: Literal["digits_noisy", "digits_mlp", "libsvm", "text", "pictures"]  #: what is trained
    optimizer: Literal["sgd", "adam"]  #: plain SGD, or Adam with its usual betas
    steps: int  #: of a training (T), at least 10
    batch: int  #: samples a step
    tau: float  #: share of the steps that the filter looks over (τ), in [0, 0.5]
    power: Literal["auto", 1, 2]  #: of 1 / norm in the weights; auto: 2 for sgd, 1 for adam
    lrs: list[float]  #: peak rates
    steep_lrs: list[float]  #: peak rates of inv_sqrt and inverse
    seeds: list[int]  #: repetitions: weights, batches, noise
    baselines: list[str]  #: schedules to compare with
    t0: float  #: of inverse, 1 / (1 + t / t0), steps
    refine_rounds: int  #: how many times norms make a schedule
    init_scale: float  #: standard deviation of the first weights of digits_noisy and libsvm

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), {"steps": FEWEST, "batch": 1, "refine_rounds": 0})
        if not 0 <= self.tau <= LARGEST_TAU:
            yield misset("tau", self.tau, f"is outside [0, {LARGEST_TAU}]", "as in task.tau=0.1")
        for name in ("t0", "init_scale"):
            if not 0 < getattr(self, name) < math.inf:
                yield misset(
                    name, getattr(self, name), "is not a number above 0", f"as in task.{name}=1"
                )
        for name in ("lrs", "steep_lrs"):
            if not (rates := getattr(self, name)) or not all(0 < x < math.inf for x in rates):
                what = "is no list of rates above 0"
                yield misset(name, getattr(self, name), what, f"as in task.{name}=[0.1,0.3,1]")
        if not self.seeds or min(self.seeds) < 0 or len(set(self.seeds)) < len(self.seeds):
            what = "is no list of different whole numbers from 0"
            yield misset("seeds", self.seeds, what, "as in task.seeds=[0,1,2,3]")
        yield from self._check_baselines()

    def start(self, run: Run) -> None:
        self.run = run
        given = run.schedule(self.steps)
        self.given = None if given is None else given.values
        self.rounds = [round_name(n) for n in range(self.refine_rounds)]
        names = [*self.baselines, *([GIVEN] if given else []), *self.rounds]
        is_sgd = self.optimizer == "sgd"
        self.sweep = Sweep(
            grids={name: getattr(self, grid(name)) for name in names},
            kind="l2" if is_sgd else "l1",
            power=(2 if is_sgd else 1) if self.power == "auto" else self.power,
            tau=self.tau,
        )
        self.parts: list[Trained] = []  # of the step that goes on, in the order of the seeds
        self.trains = self._problem()

    def length(self) -> int:
        return len(self.sweep.pairs)

    def step(self, i: int) -> Mapping[str, float]:
        schedule, lr = self.sweep.pairs[i - 1]
        asked = Asked(
            multipliers=self._multipliers(schedule),
            lr=lr,
            optimizer=self.optimizer,
            batch=self.batch,
        )
        for seeds in self.trains.parts[len(self.parts) :]:
            self.parts.append(self.trains.train(seeds, asked, self.run.progress))
            self.run.safe_point()
        trained, self.parts = Trained.joined(self.parts), []
        self.sweep.add(schedule, trained)
        if self.sweep.is_whole(schedule):
            self._close(schedule)
        self.run.label(schedule=schedule)
        return {"lr": lr} | self.sweep.metrics(trained)

    def state(self) -> dict[str, Any]:
        parts = [vars(part) for part in self.parts]
        return self.sweep.state() | {"parts": parts, "made_with": self._made_with(self.sweep.done)}

    def restore(self, state: dict[str, Any]) -> None:
        check_plan(state["done"], self.sweep.pairs, vars(self))
        check_settings(state["made_with"], self._made_with(state["done"]))
        self.sweep.restore(state)
        self.parts = [Trained(**part) for part in state["parts"]]

    def result(self) -> Mapping[str, Any]:
        run, sweep = self.run, self.sweep
        table = sweep.table()
        run.save_table("table.csv", table)
        run.save_table("trainings.csv", sweep.trainings(self.seeds))
        run.save_table("bound.csv", sweep.bounds())
        if curves := sweep.curves():
            run.save_image("losses.png", loss_by_rate(curves, "training loss, nats"))
        losses = {row["schedule"]: row["train_loss"] for row in table}
        result = {f"train_loss_{name}": loss for name, loss in losses.items()}
        edges = [row["schedule"] for row in table if row["lr_at_edge"]]
        result |= {"lr_at_edge": ", ".join(edges), "is_fair": not (edges or sweep.partial)}
        if sweep.partial:  # the run ended within their grids
            result["partial"] = ", ".join(sweep.partial)
        if rounds := [name for name in self.rounds if name in sweep.losses]:
            found = self._save(rounds[-1])
            result |= {"peak_position": found.peak_position, "collapses": found.collapses}
        if rounds and {LINEAR, rounds[-1]} <= set(losses) - set(sweep.partial):
            result["refined_to_linear"] = losses[rounds[-1]] / losses[LINEAR]
        return result

    # Trainings.

    def _multipliers(self, schedule: str) -> NDArray[np.float64]:
        if schedule == GIVEN:
            assert self.given is not None  # it is in the plan only then
            return self.given
        if schedule not in self.rounds:
            return multipliers(schedule, self.steps, t0=self.t0 if schedule == "inverse" else 1.0)
        found = self.sweep.refinement(schedule)
        if found.collapses:
            self.run.warn(
                f"the gradients of the best {source(schedule)} training collapse: their filtered "
                f"norm ends at {found.share_at_end:.2g} of what is usual, so that {schedule} peaks "
                f"late, at {found.peak_position:.2f} of the training: a known failure"
            )
        return found.multipliers

    def _close(self, schedule: str) -> None:
        """After a schedule's last rate: what is to be said of it, and norms to refine."""
        best = self.sweep.best(schedule)
        if best is None:
            lower = min(self.sweep.grids[schedule]) / 100
            raise DivergedError(
                f"{schedule}: no rate of task.{grid(schedule)} gave a finite loss",
                hint=f"smaller ones, as in task.{grid(schedule)}=[{lower:g}]",
            )
        if best.is_at_edge:
            self.run.warn(
                f"lr_at_edge: the best rate of {schedule}, {best.lr:g}, is at an end of its grid, "
                f"so that the comparison is not fair: widen task.{grid(schedule)}"
            )
        if schedule in (LINEAR, *self.rounds):
            self.run.append(FILE, self.sweep.steps(schedule))

    def _save(self, schedule: str) -> Refinement:
        """The last refinement: its norms, the schedule made of them, and both as a picture."""
        run, sweep = self.run, self.sweep
        found = sweep.refinement(schedule)
        run.save_table("gradient_norms.csv", sweep.steps(source(schedule)))
        values = found.multipliers.tolist()
        rows = [{"step": t, "multiplier": value} for t, value in enumerate(values)]
        run.save_table("refined_schedule.csv", rows)
        shown = {name: self._multipliers(name) for name in sweep.losses}
        figure = norms_and_schedules(found, shown, metric=f"gradient norm ({sweep.kind})")
        run.save_image("schedules.png", figure)
        return found

    # Settings.

    def _problem(self) -> Problem:
        run = self.run
        for role in sorted({"model", "data"} - set(NEEDS[self.problem])):
            reads = ", ".join(name for name, needed in NEEDS.items() if role in needed)
            run.refuse(role, f"it is read by task.problem={reads}")
        return made(
            self.problem,
            {"data": run.data, "model": self._model},
            seeds=self.seeds,
            draw=run.generators,
            init_scale=self.init_scale,
            device=run.place.device,
        )

    def _model(self) -> Any:
        form: type[Any] = LanguageModel if self.problem == "text" else Architecture
        return self.run.model(form)

    def _made_with(self, done: Iterable[tuple[str, float]]) -> dict[str, Any]:
        """What trainings of these schedules depend on, by setting."""
        schedules = {name for name, _ in done}
        names = ["problem", "optimizer", "steps", "batch", "seeds", "init_scale"]
        names += ["t0"] * ("inverse" in schedules)
        found = {f"task.{name}": getattr(self, name) for name in names}
        if not schedules.isdisjoint(self.rounds):
            found |= {"task.tau": self.tau, "task.power": self.sweep.power}
        if GIVEN in schedules and self.given is not None:
            found["schedule"] = digest(self.given.tobytes())
        if "data" in NEEDS[self.problem]:
            found["data"] = self.run.data().fingerprint
        return found | {"model": self.trains.n_parameters}

    def _check_baselines(self) -> Iterator[ConfigError]:
        for name in self.baselines:
            if name not in FAMILIES:
                near = ", ".join(nearest(name, FAMILIES) or FAMILIES)
                yield misset("baselines", self.baselines, f"has {name}, which is no schedule", near)
        if len(set(self.baselines)) < len(self.baselines):
            yield misset("baselines", self.baselines, "names a schedule twice", "name each once")
        if self.refine_rounds and LINEAR not in self.baselines:
            yield misset(
                "baselines", self.baselines, "lacks linear, whose norms are refined",
                f"as in task.baselines=[{LINEAR}], or task.refine_rounds=0",
            )  # fmt: skip
        if not self.baselines:
            yield misset(
                "baselines", self.baselines, "compares nothing", "as in task.baselines=[linear]"
            )

"""The trainings of a comparison of schedules: which are done, which rate was best, what they gave.

A schedule's best rate is that of the least mean training loss over the seeds. At an end of those
that were tried a better one may lie outside: then the comparison is not fair, nor where a grid was
not tried to its end. The norms of the best training of `linear` make the schedule `refined`, those
of its best one `refined2`, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from iterun.errors import DivergedError
from iterun.ops.lr_refinement import Refinement, first_unusable, refine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iterun.models.schedule_problems import Trained
    from iterun.ops.lr_schedule import Values

LINEAR, REFINED = "linear", "refined"
GIVEN = "given"  # what schedule= names


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best training of a schedule."""

    lr: float
    train_loss: Values  #: (S,)
    test_loss: Values  #: (S,)
    is_at_edge: bool  #: the rate is the smallest or the largest of several that were tried


@dataclass(kw_only=True)
class Sweep:
    """All trainings so far, and the schedules that their norms make."""

    grids: Mapping[str, Sequence[float]]  #: rates by schedule, in the order in which they are tried
    kind: Literal["l2", "l1"]  #: of the norms that are refined; l1 is Adam's
    power: int  #: of 1 / norm in the weights
    tau: float  #: share of the steps that the filter looks over
    losses: dict[str, list[dict[str, Values]]] = field(default_factory=dict)  #: by rate
    norms: dict[str, dict[str, Values]] = field(default_factory=dict)  #: of each one's best, (T,)
    refinements: dict[str, Refinement] = field(default_factory=dict)  #: by the schedule they make

    @property
    def pairs(self) -> list[tuple[str, float]]:
        """Each schedule with each of its rates, in the order in which they are trained."""
        return [(name, lr) for name, grid in self.grids.items() for lr in grid]

    @property
    def done(self) -> list[tuple[str, float]]:
        """Those that were trained, the first ones."""
        return self.pairs[: sum(map(len, self.losses.values()))]

    @property
    def partial(self) -> list[str]:
        """Schedules of which some rates were tried and some not."""
        return [name for name in self.losses if not self.is_whole(name)]

    def add(self, schedule: str, trained: Trained) -> None:
        """Take what the next rate of a schedule gave."""
        done = self.losses.setdefault(schedule, [])
        before = min((_mean(row["train_loss"]) for row in done), default=np.inf)
        done.append({"train_loss": trained.train_loss, "test_loss": trained.test_loss})
        if len(done) == 1 or _mean(trained.train_loss) < before:
            self.norms[schedule] = mean_norms(trained)

    def is_whole(self, schedule: str) -> bool:
        """Whether all its rates were tried."""
        return len(self.losses.get(schedule, ())) == len(self.grids[schedule])

    def best(self, schedule: str) -> Best | None:
        """The best of the rates tried; None: none gave a finite loss."""
        rows = self.losses.get(schedule, [])
        means = [_mean(row["train_loss"]) for row in rows]
        if not np.isfinite(means).any():
            return None
        k, tried = int(np.argmin(means)), self.grids[schedule][: len(rows)]
        return Best(
            lr=tried[k],
            train_loss=rows[k]["train_loss"],
            test_loss=rows[k]["test_loss"],
            is_at_edge=len(set(tried)) > 1 and tried[k] in (min(tried), max(tried)),
        )

    def refinement(self, schedule: str) -> Refinement:
        """What makes a refined schedule.

        Raises:
            DivergedError: the norms that it is made of are zero or not finite somewhere.
        """
        if schedule not in self.refinements:
            before = source(schedule)
            found = self.refined_from(self.norms[before])
            if found is None:
                step = first_unusable(self.norms[before][self.kind])
                raise DivergedError(
                    f"the gradient norm of the best {before} training is zero or not finite at "
                    f"step {step}",
                    hint="other rates, as in task.lrs=[0.01,0.1]",
                )
            self.refinements[schedule] = found
        return self.refinements[schedule]

    def refined_from(self, norms: Mapping[str, Values]) -> Refinement | None:
        """Of a training's norms; None: one of them is zero or not finite."""
        values = norms[self.kind]
        if first_unusable(values) is not None:
            return None
        return refine(values, power=self.power, tau=self.tau)

    def metrics(self, trained: Trained) -> dict[str, float]:
        """Of the newest training: means over the seeds, and what its norms tell; the least loss."""
        found = mean_and_spread("train_loss", trained.train_loss)
        means = [_mean(row["train_loss"]) for rows in self.losses.values() for row in rows]
        found["train_loss_best"] = float(np.nanmin(means, initial=np.inf))
        found |= mean_and_spread("test_loss", trained.test_loss)
        norms = mean_norms(trained)
        found |= {name: float(np.mean(values)) for name, values in self.columns(norms).items()}
        refined = self.refined_from(norms)
        if refined is not None:  # of a training that diverged there is none
            values = refined.filtered
            first, mid, last = (float(values[k]) for k in (0, len(values) // 2, -1))
            found |= {"grad_norm_first": first, "grad_norm_mid": mid, "grad_norm_last": last}
            found |= bounds(refined)
        return found

    def columns(self, norms: Mapping[str, Values]) -> dict[str, Values]:
        """By the names under which runs record them: l1 norms only of Adam."""
        found = {"grad_norm": norms["l2"]}
        return found | ({"grad_norm_l1": norms["l1"]} if self.kind == "l1" else {})

    def steps(self, schedule: str) -> list[dict[str, float]]:
        """A row a step of a schedule's best training: its number and its norms."""
        columns = self.columns(self.norms[schedule])
        rows = np.column_stack(list(columns.values())).tolist()
        return [{"step": t} | dict(zip(columns, row, strict=True)) for t, row in enumerate(rows)]

    def bounds(self) -> list[dict[str, Any]]:
        """A row a schedule: the bounds on the norms of its best training."""
        found = {name: self.refined_from(norms) for name, norms in self.norms.items()}
        return [{"norms_of": name} | bounds(it) for name, it in found.items() if it is not None]

    def table(self) -> list[dict[str, Any]]:
        """A row a schedule: its best rate, means and standard deviations over the seeds."""
        rows = []
        for schedule in self.losses:
            if (best := self.best(schedule)) is not None:
                row: dict[str, Any] = {"schedule": schedule, "lr": best.lr}
                for name in ("train_loss", "test_loss"):
                    row |= mean_and_spread(name, getattr(best, name))
                flags = {"lr_at_edge": best.is_at_edge, "is_whole": self.is_whole(schedule)}
                rows.append(row | flags)
        return rows

    def trainings(self, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """A row a training of one seed."""
        return [
            {"schedule": schedule, "lr": lr, "seed": seed}
            | {name: float(losses[name][k]) for name in ("train_loss", "test_loss")}
            for schedule, rows in self.losses.items()
            for lr, losses in zip(self.grids[schedule], rows, strict=False)
            for k, seed in enumerate(seeds)
        ]

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """(rate, mean training loss) by schedule, ascending."""
        return {
            schedule: sorted(
                (lr, _mean(row["train_loss"]))
                for lr, row in zip(self.grids[schedule], rows, strict=False)
            )
            for schedule, rows in self.losses.items()
        }

    def state(self) -> dict[str, Any]:
        return {"losses": self.losses, "norms": self.norms, "done": self.done}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.losses, self.norms = dict(state["losses"]), dict(state["norms"])


def round_name(n: int) -> str:
    """The schedule of refinement n, from 0: refined, refined2, ..."""
    return REFINED if n == 0 else f"{REFINED}{n + 1}"


def source(schedule: str) -> str:
    """The schedule whose best training's norms make a refined one."""
    n = int(schedule.removeprefix(REFINED) or 1)
    return LINEAR if n == 1 else round_name(n - 2)


def mean_norms(trained: Trained) -> dict[str, Values]:
    """Over the seeds, (T,)."""
    return {"l2": trained.l2.mean(1), "l1": trained.l1.mean(1)}


def bounds(found: Refinement) -> dict[str, float]:
    """The numbers of a refinement."""
    return {
        "bound_linear": found.bound_linear,
        "bound_refined": found.bound_refined,
        "peak_position": found.peak_position,
    }


def mean_and_spread(name: str, values: Values) -> dict[str, float]:
    """The mean, and where there are several the standard deviation with n - 1."""
    found = {name: float(np.mean(values))}
    if len(values) > 1:
        with np.errstate(invalid="ignore"):
            found[f"{name}_std"] = float(np.std(values, ddof=1))
    return found


def _mean(values: Values) -> float:
    """Of seeds; infinite if one of them is no number: it never is the best then."""
    mean = float(np.mean(values))
    return mean if np.isfinite(mean) else np.inf

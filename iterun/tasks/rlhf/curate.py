"""Models that consume their own curated samples: draw, keep one of K, train again.

Paper: Self-Consuming Generative Models with Curated Data Provably Optimize Human Preferences
(arXiv 2407.09499).

    x_1 ... x_K ~ p_t, one is kept with probability e^{r(x_i)} / Σ_j e^{r(x_j)}       (K-choice)
    p_{t+1} = argmax_p  1/(1+λ) E_{p_ref} ln p + λ/(1+λ) E_{kept of p_t} ln p         (retraining)
    K -> ∞, λ = ∞:  p_{t+1} = p_t e^r / E_{p_t} e^r                                   (limit)

1 / (1 + λ) is `real_share`. One step is one round t, of every arm:

    (no suffix)  groups of K, real_share
    mixed        groups of K, mixed_share: real data hold the collapse
    uncurated    K = 1, all kept, no real data: what the loop does by itself
    limit        K = ∞, states only

Problems: states, exact; gaussians, a mixture fitted by EM; pictures, a flow trained on by flow
matching, whose gradients' norms the run's own arm records. Iteration 0 is p_0, fitted to real data.
Of x_t, K · kept samples are drawn, (n, d).

Departures: digits take the place of CIFAR-10, the favored class is "0". The likelihood of pictures
is replaced by the flow's loss, as in the paper, and each round goes on from the last weights. The
KL divergence is from p_t to the data (of pictures: of their classes), finite where p_t collapses.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, misset, outside, too_small
from iterun.models.album import Album
from iterun.models.curated import Arm, Population
from iterun.models.curated_gaussians import MODES, CuratedGaussians
from iterun.models.curated_pictures import CuratedPictures
from iterun.models.curated_states import CuratedStates
from iterun.models.flow_digits import FlowDigits
from iterun.ops.curation import normalized
from iterun.ops.pictures import quality_curve

AT_LEAST = {
    "rounds": 1,
    "K": 1,
    "kept": 10,
    "train_steps": 1,
    "batch": 1,
    "sample_steps": 1,
    "save_every": 1,
}
LARGEST = 300  # nats: the square of e^r has to be a number
TOLERANCE = 1e-6  # of a sum of 1
#: what an arm beside the run's own tells
COMPARED = {
    *("reward_mean", "exp_reward_mean", "class_entropy", "target_share_independent"),
    *("target_share", "kl_to_data", "kl_classes", "variance", "pixel_var", "fd"),
}
CURVES = {"reward_mean": "mean reward", "class_entropy": "entropy of classes, nats"}


@dataclass(kw_only=True)
class Curate(Procedure):
    """Iterative retraining on curated samples."""

    threads: ClassVar = 1
    model_kind: ClassVar = "flow"
    takes_schedule: ClassVar = True

    problem: Literal["pictures", "gaussians", "states"]  #: the last two need no model
    rounds: int  #: retrainings
    K: int  #: samples of which one is kept
    real_share: float  #: of what a round trains on, in [0, 1]; 0: curated samples only
    mixed_share: float | None  #: real share of the arm `mixed`, in (0, 1]; null: no such arm
    uncurated: bool  #: have the arm that keeps all
    gamma: float  #: scale of the reward, nats (γ); states have theirs
    target: int | None  #: class, or mode, that is rewarded; null: pictures that show any one surely
    kept: int  #: groups of K in a round
    train_steps: int  #: pictures: optimizer steps a round
    batch: int  #: pictures an optimizer step
    lr: float  #: pictures: peak rate of a round
    sample_steps: int  #: pictures: midpoint steps of the sampler
    rewards: list[float]  #: of the states, nats
    probabilities: list[float] | None  #: of the states in the data; null: equal
    save_every: int  #: pictures: rounds from one grid to the next; the last always has one
    gif: bool  #: pictures: make an animation of the grids

    def check(self) -> Iterator[ConfigError]:
        yield from too_small(vars(self), AT_LEAST)
        for name, example in {"gamma": 4, "lr": 1e-3}.items():
            if not 0 < getattr(self, name) < math.inf:
                yield outside(name, getattr(self, name), "a number above 0", example)
        if self.problem == "pictures" and LARGEST <= self.gamma < math.inf:  # e^r goes up to e^γ
            yield outside("gamma", self.gamma, f"below {LARGEST}", 4)
        if not 0 <= self.real_share <= 1:
            yield misset("real_share", self.real_share, "is no share", "as in task.real_share=0.5")
        if self.mixed_share is not None and not 0 < self.mixed_share <= 1:
            yield misset(
                "mixed_share", self.mixed_share, "is no share above 0", "as in task.mixed_share=0.5"
            )
        yield from self._check_problem()

    def start(self, run: Run) -> None:
        self.run = run
        run.refuse("data", f"task.problem={self.problem} has its own data")
        if self.problem != "pictures":
            run.refuse("schedule", f"task.problem={self.problem} takes no optimizer steps")
        self.population = self._population()
        self.arms = list(self._arms())
        self.states: dict[str, Mapping[str, Any]] = {}  # of p_t, by arm
        self.shown: dict[str, list[Any]] = {arm.name: [] for arm in self.arms}
        self.history: list[dict[str, float]] = []
        self.found: dict[str, float] = {}  # of the round that goes on
        self.done: list[str] = []  # arms of that round
        self.album = Album(run, every=self.save_every, gif=self.gif)

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> Mapping[str, float]:
        return self._round(0)

    def step(self, i: int) -> Mapping[str, float]:
        return self._round(i)

    def state(self) -> dict[str, Any]:
        names = ("states", "shown", "history", "found", "done")
        sizes = {"problem": self.problem, "kept": self.kept, "n_states": len(self.rewards)}
        more = {"album": self.album.state(), "of": sizes}
        return {name: getattr(self, name) for name in names} | more

    def restore(self, state: dict[str, Any]) -> None:
        self._check_state(state.pop("of"))
        self.album.restore(state.pop("album"))
        for name, value in state.items():
            setattr(self, name, value)
        if set(self.states) != {arm.name for arm in self.arms}:
            raise ConfigError(
                f"the state has the arms {', '.join(self.states)}",
                hint="leave task.mixed_share and task.uncurated as they were, or begin a new run",
            )

    def result(self) -> Mapping[str, Any]:
        run, labels = self.run, {arm.name: arm.label for arm in self.arms}
        self.album.finish()
        shown = {labels[name]: generations for name, generations in self.shown.items()}
        for name, image in self.population.pictures(shown).items():
            run.save_image(name, image)
        for metric, title in CURVES.items():
            run.save_image(f"{metric}.png", self._curve(metric, title))
        if self.problem == "pictures":
            run.save_tensors("model.safetensors", self.states["curated"]["weights"])
            run.save_tensors("kept.safetensors", {"x": self.states["curated"]["kept"]})
        first, last = self.history[0]["reward_mean"], self.history[-1]["reward_mean"]
        return {"reward_first": first, "reward_gain": last - first}

    # Rounds.

    def _round(self, i: int) -> Mapping[str, float]:
        """Round i of every arm; a resume inside it goes on with those that are not done."""
        for arm in self.arms:
            if arm.name in self.done:
                continue
            if i == 0:
                made = self.population.begin(arm)
            else:
                made = self.population.retrain(self.states[arm.name], arm, i)
            self.states[arm.name] = made.state
            self.found |= {
                f"{name}{arm.suffix}": value
                for name, value in made.metrics.items()
                if not arm.suffix or name in COMPARED
            }
            self.shown[arm.name].append(made.shown)
            self.done.append(arm.name)
            self.run.safe_point()
        if isinstance(self.population, CuratedPictures) and self.album.is_due(i, self.rounds):
            self.album.add(i, self.population.decode(self.shown["curated"][-1]))
        metrics, self.found, self.done = self.found, {}, []
        self.history.append(metrics)
        return metrics

    def _curve(self, metric: str, title: str) -> Any:
        series = {
            arm.label: [(i, row[f"{metric}{arm.suffix}"]) for i, row in enumerate(self.history)]
            for arm in self.arms
        }
        return quality_curve(series, x="round", y=title)

    # Settings.

    def _arms(self) -> Iterator[Arm]:
        own = f"curated, {self.real_share:.0%} real" if self.real_share else "curated"
        yield Arm(name="curated", label=own, real_share=self.real_share, K=self.K)
        if (share := self.mixed_share) is not None:
            yield Arm(name="mixed", label=f"{share:.0%} real", real_share=share, K=self.K)
        if self.uncurated:
            yield Arm(name="uncurated", label="uncurated", real_share=0.0, K=1)
        if self.problem == "states":
            yield Arm(name="limit", label="K = ∞", real_share=self.real_share, K=math.inf)

    def _population(self) -> Population:
        if self.problem == "states":
            equal = [1.0] * len(self.rewards)
            data = normalized(equal if self.probabilities is None else self.probabilities)
            return CuratedStates(rewards=np.array(self.rewards), data=data)
        if self.problem == "gaussians":
            assert self.target is not None  # `check` saw to it
            return CuratedGaussians(
                run=self.run, gamma=self.gamma, target=self.target, kept=self.kept
            )
        flow = self.run.model(FlowDigits)
        if self.target is not None and self.target >= flow.n_classes:
            raise misset(
                "target", self.target, f"is no class of model={flow.name}", "task.target=0"
            )
        flow.prepare(self.run.progress)
        return CuratedPictures(
            run=self.run,
            flow=flow,
            gamma=self.gamma,
            target=self.target,
            kept=self.kept,
            train_steps=self.train_steps,
            batch=self.batch,
            lr=self.lr,
            schedule=self.run.schedule(self.train_steps),
            sample_steps=self.sample_steps,
        )

    def _check_state(self, of: Mapping[str, Any]) -> None:
        """Refuse a fork whose populations the state can't be of."""
        if of["problem"] != self.problem:
            what, hint = f"can't go on from task.problem={of['problem']}", "leave it as it was"
            raise misset("problem", self.problem, what, f"{hint}, or begin a new run")
        if self.problem == "gaussians" and self.kept > of["kept"]:
            what = f"is more than the state has kept, {of['kept']}"
            raise misset("kept", self.kept, what, f"at most task.kept={of['kept']}")
        if self.problem == "states" and len(self.rewards) != of["n_states"]:
            what = f"is not a number for each of the {of['n_states']} states before"
            raise misset("rewards", self.rewards, what, "leave their number as it was")

    def _check_problem(self) -> Iterator[ConfigError]:
        if self.problem == "gaussians" and (self.target is None or self.target >= MODES):
            what = f"is none of the modes 0 to {MODES - 1}"
            yield misset("target", self.target, what, "as in task.target=0")
        elif self.target is not None and self.target < 0:
            yield misset("target", self.target, "is no class", "as in task.target=0")
        if self.problem == "states":
            yield from self._check_states()

    def _check_states(self) -> Iterator[ConfigError]:
        n, p = len(self.rewards), self.probabilities
        finite = n >= 2 and all(map(math.isfinite, self.rewards))
        if not (finite and max(map(abs, self.rewards)) < LARGEST):
            what = f"is not two numbers or more between -{LARGEST} and {LARGEST}"
            yield misset("rewards", self.rewards, what, "as in task.rewards=[0,0.5,1,2]")
        if p is not None and len(p) != n:
            what = f"is not a number for each of the {n} states of task.rewards"
            yield misset(
                "probabilities", self.probabilities, what, "task.probabilities=null for equal ones"
            )
        elif p is not None and not (min(p) > 0 and abs(sum(p) - 1) < TOLERANCE):
            what = "is not made of numbers above 0 that sum to 1"
            yield misset(
                "probabilities",
                self.probabilities,
                what,
                "as in task.probabilities=[0.7,0.1,0.1,0.1]",
            )

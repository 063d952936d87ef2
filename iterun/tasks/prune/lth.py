"""Lottery tickets with rewinding: prune the smallest weights, go back to step k, train again.

Paper: Stabilizing the Lottery Ticket Hypothesis (arXiv 1903.01611).

    W_k         the weights after k of T steps, batch norms' statistics too
    level 0     W_T, one training from step 0 to T;  m = 1
    level n     remove the ⌈p · remaining⌉ smallest |w| of all kept ones together, w of level n - 1;
                train m ⊙ W_k from step k to T, with a fresh optimizer
    stability   l2_prune  ‖m ⊙ (W_T^sub - W_T^full)‖₂
                l2_order  ‖m ⊙ (W_T - W_T')‖₂, W_T' trained on another order of the pictures
    controls    random_mask  m with its entries permuted within each tensor, W_k
                reinit       m, new initial weights, trained from step 0

One iteration is a level. Rate, order and augmentation of step t are functions of (seed, t), so that
a level sees what the dense training saw from step k on. Zeros are stored, and cost as much time as
other numbers: no speed-up on a CPU. k = 0 may well do as well as k > 0 on the embedded digits.

Departures: the dense training keeps its momentum at step k, to be one uninterrupted training. The
barrier is of the follow-up, arXiv 1912.05671. The embedded default is an MLP on digits.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, misset
from iterun.models.classifier import Training, evaluate, prunable, put, taken
from iterun.models.classifier_recipe import Recipe
from iterun.models.memory import out_of_memory_hint, peak_mem_mb
from iterun.models.settled import refuse_changes, settled
from iterun.models.ticket_measures import Judge, apart
from iterun.models.ticket_report import TicketReport, rows
from iterun.models.trainings import Trainings
from iterun.ops.global_masks import CountRule, n_left, n_removed, permuted, prune_smallest
from iterun.ops.masks import sparsity
from iterun.types import Architecture

#: what W_k, W_T and the accuracies so far were made with
SETTLED = ("rewind", "steps", "batch_size")


@dataclass(kw_only=True)
class Arm:
    """The levels of one rewinding step; the run's own arm has no suffix."""

    k: int  #: step that its levels go back to
    suffix: str  #: of its metrics: "" or "_k0"
    start: Mapping[str, Any]  #: state of the dense training at step k
    masks: dict[str, Tensor]
    end: dict[str, Tensor]  #: weights at the end of its newest training

    def rewind(self, training: Training) -> None:
        training.begin(self.start["weights"], self.k)

    def go_on(self, training: Training) -> None:
        """As the dense training did: with the momentum that it had."""
        training.restore(self.start)


@dataclass(kw_only=True)
class Lth(Procedure):
    """Iterative magnitude pruning that rewinds to an early step."""

    threads: ClassVar = 1
    takes_schedule: ClassVar = True
    model_kind: ClassVar = "vision"
    data_kind: ClassVar = "images"

    rewind: int  #: optimizer step that every level goes back to, from 0 (k)
    compare_rewinds: list[int]  #: further such steps, each an arm with metrics of its own
    p: float  #: share of the kept weights removed at each level, in (0, 1)
    levels: int  #: levels after the dense one
    count_rule: CountRule  #: what p is a share of: prunable; reference: the output layer's too
    steps: int  #: optimizer steps of a training (T)
    batch_size: int  #: pictures a step
    lr: float  #: peak rate
    milestones: list[float]  #: shares of `steps` from which on the rate is multiplied by `gamma`
    gamma: float  #: factor at each milestone, in (0, 1]
    warmup: int  #: steps in which the rate rises to its peak
    momentum: float  #: of SGD, in [0, 1)
    weight_decay: float  #: of all parameters
    controls: bool  #: train random masks and new initial weights as well: two trainings a level
    measure_every: int | None  #: levels between measures that train twice: order, barrier; null: no

    def check(self) -> Iterator[ConfigError]:
        yield from self._recipe().check()
        if not 0 < self.p < 1:
            yield ConfigError(
                f"task.p={self.p} removes no weights or all of them",
                hint="pick a share between 0 and 1, as in task.p=0.2",
            )
        for name in ("levels", "measure_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                yield ConfigError(f"task.{name}={value} is too small", hint=f"as in task.{name}=1")
        given = str(self.compare_rewinds).replace(" ", "")
        for text, example, steps in (
            (f"task.rewind={self.rewind}", "task.rewind=0", [self.rewind]),
            (f"task.compare_rewinds={given}", "task.compare_rewinds=[0]", self.compare_rewinds),
        ):
            if self.steps >= 1 and not all(0 <= k < self.steps for k in steps):
                yield ConfigError(
                    f"{text} is outside the steps 0 to {self.steps - 1} of a training",
                    hint=f"as in {example}, or more than task.steps={self.steps}",
                )
        if len(set(self.compare_rewinds)) < len(self.compare_rewinds):
            yield ConfigError(
                f"task.compare_rewinds={given} names a step twice",
                hint="each step once, as in task.compare_rewinds=[0,20]",
            )

    def start(self, run: Run) -> None:
        self.run = run
        self._read_data()
        self.plan = run.model(Architecture)  # type: ignore[type-abstract]  # a protocol
        self.module = self._initial(0)
        self.weights = prunable(self.module, self.plan.output_layer)
        self.work = Trainings(run, self.module, self.data.train, self._recipe())
        self.judge = Judge(
            module=self.module,
            test=self.test,
            train=self.data.train,
            generator=run.generator("norms", 0),
            size=self.batch_size,
            shown=run.progress,
        )
        self.report = TicketReport(self.data.shape)
        self.arms: list[Arm] = []
        self.level = 0  #: the one whose masks the arms have
        self.full: dict[str, Tensor] = {}  #: W_T of the dense training
        self._check_levels()

    def length(self) -> int:
        return self.levels

    def baseline(self) -> Mapping[str, float]:
        with self._memory_hint():
            self._train_dense()
            self._save("mask", self.arms[0].masks, 0)
            for arm in self.arms:
                self.run.save_tensors(f"rewind{arm.suffix}.safetensors", arm.start["weights"])
                self.work.once(f"k={arm.k}", partial(self._end_ticket, 0, arm))
                if self.measure_every is not None:
                    self.work.once(f"k={arm.k}, other order", partial(self._other_order, 0, arm))
                arm.start = {"weights": arm.start["weights"]}  # levels begin without momentum
        return self._metrics(0)

    def step(self, i: int) -> Mapping[str, float]:
        with self._memory_hint():
            if self.level < i:  # not yet done where a resume goes on inside the level
                self.work.clear()
                self._prune(i)
            for arm in self.arms:
                self.work.once(f"k={arm.k}", partial(self._ticket, i, arm))
                if self.measure_every is not None and i % self.measure_every == 0:
                    self.work.once(f"k={arm.k}, other order", partial(self._other_order, i, arm))
            if self.controls:
                self.work.once("random mask", partial(self._random_mask, i, self.arms[0]))
                self.work.once("new weights", partial(self._reinit, i, self.arms[0]))
        return self._metrics(i)

    def state(self) -> dict[str, Any]:
        return {
            "settled": settled(self, SETTLED),
            "pictures": self.pictures,
            "level": self.level,
            "arms": [vars(arm) for arm in self.arms],
            "full": self.full,
            "work": self.work.state(),
            "report": self.report.levels,
        }

    def restore(self, state: dict[str, Any]) -> None:
        refuse_changes(self, state["settled"])
        self._check_same(state["pictures"], state["full"])
        self.level, self.report.levels = state["level"], state["report"]
        self.arms = self._arms_left([Arm(**values) for values in state["arms"]])
        self._check_levels()
        self.full = state["full"]
        self.work.restore(state["work"])
        for tensors in (self.full, *(d for arm in self.arms for d in (arm.masks, arm.end))):
            for name, tensor in tensors.items():
                tensors[name] = tensor.to(self.run.device)

    def result(self) -> Mapping[str, Any]:
        own = self.arms[0]
        masks = {name: mask.to(torch.uint8) for name, mask in own.masks.items()}
        self.run.save_tensors("masks.safetensors", masks)
        self.run.save_json("sparsity.json", rows(own.masks))
        labels = {f"acc{arm.suffix}": f"rewound to step {arm.k}" for arm in self.arms}
        labels |= {"acc_random_mask": "random mask", "acc_reinit": "new initial weights"}
        self.run.save_text("report.md", self.report.text(labels))
        for name, picture in self.report.figures(own.masks, labels).items():
            self.run.save_image(name, picture)
        return self.report.result() | {"rewind_share": self.rewind / self.steps}

    # Settings, data and model.

    def _recipe(self) -> Recipe:
        return Recipe(**{field.name: getattr(self, field.name) for field in fields(Recipe)})

    def _read_data(self) -> None:
        self.data, held_out = self.run.data(), self.run.data("eval_data")
        if (held_out.shape, held_out.n_classes) != (self.data.shape, self.data.n_classes):
            raise ConfigError(
                f"data@eval_data={held_out.name} has other pictures than data={self.data.name}",
                hint="leave data@eval_data away: the test split of data= is taken",
            )
        self.test = held_out.test
        self.pictures = {"data": self.data.fingerprint, "data@eval_data": held_out.fingerprint}

    def _initial(self, draw: int) -> nn.Module:
        """The net with the initial weights of one draw; 0 is the run's own."""
        generator = self.run.generator("init", draw)
        shape, n_classes = self.data.shape, self.data.n_classes
        return self.plan.build(shape, n_classes, generator).to(self.run.device)

    def _check_levels(self) -> None:
        """Make sure that the levels to come leave weights."""
        n = sum(weight.numel() for weight in self.weights.values())
        if self.arms:  # of a fork; all arms have as many
            n = sum(int(mask.count_nonzero()) for mask in self.arms[0].masks.values())
        rest = self.levels - self.level
        last = self.level + len(n_left(n, self.p, rest, self._n_never_pruned())) - 1
        if last < self.levels:
            raise ConfigError(
                f"task.levels={self.levels}: level {last + 1} would leave none of {n} weights",
                hint=f"at most task.levels={last}"
                if last
                else "a smaller task.p, as in task.p=0.2",
            )

    def _check_same(self, pictures: Mapping[str, str], full: Mapping[str, Tensor]) -> None:
        """Let a fork go on with the pictures and the net of its parent."""
        for typed, now in self.pictures.items():
            if now != pictures[typed]:
                raise ConfigError(
                    f"{typed}=: the accuracies so far are of other pictures",
                    hint=f"leave {typed}= as it was, or begin a new run",
                )
        own = self.module.state_dict()
        if {n: v.shape for n, v in own.items()} != {n: v.shape for n, v in full.items()}:
            raise ConfigError(
                f"model={self.plan.name}: the state is of another net",
                hint="leave model= and its settings as they were, or begin a new run",
            )

    def _arms_left(self, arms: list[Arm]) -> list[Arm]:
        """The arms that a fork goes on with: it may leave some out, and add none."""
        wanted = {self.rewind, *self.compare_rewinds}
        if new := sorted(wanted - {arm.k for arm in arms}):
            what = f"has no step {new[0]} in the state, whose levels began at others"
            raise misset("compare_rewinds", self.compare_rewinds, what, "leave it out")
        return [arm for arm in arms if arm.k in wanted]

    def _n_never_pruned(self) -> int:
        """Weights of the output layer, where it is left out of pruning but not of the count."""
        if self.count_rule == "prunable":
            return 0
        everything = prunable(self.module, None)
        return sum(w.numel() for name, w in everything.items() if name not in self.weights)

    def _memory_hint(self) -> AbstractContextManager[None]:
        return out_of_memory_hint(self.run.device, "a smaller task.batch_size")

    # Levels.

    def _train_dense(self) -> None:
        """Level 0: one training, of which every arm keeps a step."""
        steps = [self.rewind, *(k for k in self.compare_rewinds if k != self.rewind)]
        initial = taken(self.module)
        done = self.work.train(
            "level 0", {}, lambda t: t.begin(initial, 0), halts=steps, keeps_norms=True
        )
        self.full = taken(self.module)
        self.work.found["loss"] = done.loss
        for k in steps:
            masks = {n: torch.ones_like(w, dtype=torch.bool) for n, w in self.weights.items()}
            suffix = "" if k == self.rewind else f"_k{k}"
            start = done.states[k]
            self.arms.append(Arm(k=k, suffix=suffix, start=start, masks=masks, end=self.full))

    def _prune(self, i: int) -> None:
        """The masks of level i, by the weights at the end of level i - 1."""
        for arm in self.arms:
            kept = sum(int(mask.count_nonzero()) for mask in arm.masks.values())
            n = n_removed(kept, self.p, self._n_never_pruned())
            before, arm.masks = arm.masks, prune_smallest(arm.end, arm.masks, n)
            self._save(f"mask{arm.suffix}", arm.masks, i)
            for name, mask in arm.masks.items():
                if before[name].any() and not mask.any():
                    self.run.warn(f"{name} has no weight left from level {i} on (k = {arm.k})")
        self.level = i

    def _ticket(self, i: int, arm: Arm) -> dict[str, float]:
        """Train m ⊙ W_k to the end."""
        own = not arm.suffix
        where = f"level {i}, k = {arm.k}"
        done = self.work.train(where, arm.masks, arm.rewind, keeps_norms=own)
        arm.end = taken(self.module)
        return self._end_ticket(i, arm) | ({"loss": done.loss} if own else {})

    def _end_ticket(self, i: int, arm: Arm) -> dict[str, float]:
        """Keep and measure what a level's training ended with."""
        put(self.module, arm.end)
        if i or not arm.suffix:  # all arms share the dense training
            self._save(f"final{arm.suffix}", arm.end, i)
        found = {"acc": self.judge.score().accuracy}
        found |= apart("prune", arm.end, self.full, arm.masks)
        found = {f"{name}{arm.suffix}": value for name, value in found.items()}
        if not arm.suffix and len(self.data.dev):
            score = evaluate(self.module, self.data.dev, self.run.progress, self.batch_size)
            found["acc_dev"] = score.accuracy
        return found

    def _other_order(self, i: int, arm: Arm) -> dict[str, float]:
        """Train a second copy on another order of the pictures; compare it with the first."""
        begin = arm.rewind if i else arm.go_on
        where = f"level {i}, k = {arm.k}, other order"
        self.work.train(where, arm.masks, begin, order=("other",))
        other = taken(self.module)
        found = apart("order", arm.end, other, arm.masks)
        found["barrier"] = self.judge.barrier(arm.end, other)
        return {f"{name}{arm.suffix}": value for name, value in found.items()}

    def _random_mask(self, i: int, arm: Arm) -> dict[str, float]:
        masks = permuted(arm.masks, self.run.generator("random_mask", i))
        self.work.train(f"level {i}, random mask", masks, arm.rewind)
        return {"acc_random_mask": self.judge.score().accuracy}

    def _reinit(self, i: int, arm: Arm) -> dict[str, float]:
        weights = self._initial(i).state_dict()
        where = f"level {i}, new weights"
        self.work.train(where, arm.masks, lambda training: training.begin(weights, 0))
        return {"acc_reinit": self.judge.score().accuracy}

    def _metrics(self, i: int) -> Mapping[str, float]:
        masks = self.arms[0].masks
        self.run.label(phase="rewind" if i else "dense")
        self.run.cost(images_per_s=self.work.images_per_s, peak_mem_mb=peak_mem_mb(self.run.device))
        gone = sparsity(masks)
        measured = self.work.found
        dense = self.report.levels[0]["acc"] if i else measured["acc"]
        found = {"level": i, "remaining": 1 - gone, "sparsity": gone}
        found |= {"acc": measured["acc"], "acc_dense": dense, "loss": measured["loss"]}
        found |= self.work.norms.tell(self.run)
        return self.report.add(found | measured | {"steps": self.work.n_steps})

    def _save(self, name: str, tensors: Mapping[str, Tensor], i: int) -> None:
        bits = {n: t.to(torch.uint8) if t.dtype == torch.bool else t for n, t in tensors.items()}
        self.run.save_tensors(f"level_{{i}}/{name}.safetensors", bits, at=i)

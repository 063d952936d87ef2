"""Adapters train while heads and channels go, judged by those adapters (LoRAPrune, 2305.18403).

A step: forward and backward under the masks; the gradients are clipped to norm 1; the importances
move; AdamW takes the step; from time to time the masks shrink. A gradient that is not finite
changes no factor; a group whose importance would become NaN keeps the old one, and is counted.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from iterun.errors import ConfigError, misset
from iterun.models.blocks import find_blocks, prunable
from iterun.models.gradient_norms import GradientNorms
from iterun.models.importance import Importance
from iterun.models.retrain import Trained, do_steps, recomputed, text_losses
from iterun.models.structured import Gates, Group
from iterun.ops.lora import LoraLinear, attach, detach
from iterun.ops.masks import n_pruned
from iterun.ops.structured import shrunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iterun.data.batches import TrainingText
    from iterun.models.block_pass import Keeper
    from iterun.models.prune_recipe import PruneRecipe

MAX_NORM = 1.0  # of the gradient, all factors together


class StructuredPass:
    """The pass over a model in memory.

    Args:
        run: gives generators and progress.
        module: frozen; gets an adapter on every linear layer of its blocks, until `finish`.
        groups: those that may be pruned.
        recipe: see there.
        text: to train on.
    """

    def __init__(
        self,
        run: Keeper,
        module: nn.Module,
        groups: Sequence[Group],
        recipe: PruneRecipe,
        text: TrainingText,
    ) -> None:
        self.run, self.module, self.groups = run, module, groups
        self.recipe, self.schedule, self.text = recipe, recipe.schedule, text
        self.step_count = 0
        self.lr = 0.0  #: of the last step
        self.norms = GradientNorms(l1=True)
        self._course = run.schedule(recipe.steps)
        self._blocks = list(find_blocks(module).values())
        self.adapters = self._attach()
        self.gates = Gates(module, groups)
        self._factors = [p for a in self.adapters.values() for p in (a.A, a.B)]
        self._optimizer = torch.optim.AdamW(self._factors, lr=recipe.lr, weight_decay=0.0)
        self.importance = Importance(
            groups, self.adapters, recipe.metric, recipe.power, partial(run.generator, "units")
        )

    def train(self, steps: range, where: str) -> Trained:
        """Do optimizer steps; masks shrink between them when it is time.

        Args:
            steps: of those from 0 on.
            where: for the message, as in "iteration 3".

        Raises:
            DivergedError: the loss is not finite.
        """
        done = do_steps(self.run.progress(steps, "train"), self._step, where)
        return done.trained(self.lr, sum(p.numel() for p in self._factors))

    @contextmanager
    def untrained(self) -> Iterator[None]:
        """In here the adapters add nothing: what the masks alone make of the dense model."""
        scales = {name: adapter.scale for name, adapter in self.adapters.items()}
        for adapter in self.adapters.values():
            adapter.scale = 0.0
        try:
            yield
        finally:
            for name, adapter in self.adapters.items():
                adapter.scale = scales[name]

    def finish(self) -> None:
        """Merge the adapters into the weights and take the masks off; units are not cut yet."""
        self.gates.remove()
        detach(self.module, merge=True)
        self.module.requires_grad_(False)

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step_count,
            "factors": [p.detach() for p in self._factors],
            "optimizer": self._optimizer.state_dict(),
            "importance": self.importance.state(),
            "kept": self.gates.kept,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put everything back.

        Raises:
            ConfigError: a fork would not come to the ratio that it asks for.
        """
        self.step_count = state["step"]
        self._check_kept(state["kept"])
        with torch.no_grad():
            for parameter, value in zip(self._factors, state["factors"], strict=True):
                parameter.copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self.importance.restore(state["importance"])
        for name, kept in state["kept"].items():
            self.gates.put(name, kept)

    def _check_kept(self, kept: Mapping[str, Tensor]) -> None:
        """Make sure that the shrinkings to come, if any, end at the ratio asked for."""
        recipe, start = self.recipe, self.schedule.cooldown_start
        for group in self.groups:
            n_gone, wanted = int((~kept[group.name]).sum()), n_pruned(group.n, recipe.ratio)
            if n_gone > wanted:
                raise misset(
                    "ratio",
                    recipe.ratio,
                    f"is too small: {n_gone} of {group.n} {group.kind} are pruned already",
                    "take a larger one, or an earlier iteration",
                )
            if n_gone < wanted and self.step_count >= start:
                raise ConfigError(
                    f"task.cooldown={recipe.cooldown} of task.steps={recipe.steps}: masks would "
                    f"shrink for the last time at step {start}, and {self.step_count} are done",
                    hint="a smaller task.cooldown, or more task.steps",
                )

    def _attach(self) -> dict[str, LoraLinear]:
        recipe = self.recipe
        layers = [
            f"{name}.{layer}"
            for name, block in find_blocks(self.module).items()
            for layer in prunable(block)
        ]
        draw, dropout = self.run.generator("lora"), recipe.lora_dropout
        forms = dict.fromkeys(layers)
        return attach(
            self.module, forms, "lora", recipe.lora_r, recipe.lora_alpha,
            generator=draw, dropout=dropout,
        )  # fmt: skip

    def _step(self, t: int) -> tuple[float, int]:
        """Optimizer step t = 0, 1, ...; its loss, and the tokens that it read."""
        recipe, device = self.recipe, self.run.device
        rows = recipe.batch_size * recipe.accumulate
        ids, is_text = self.text.batch(rows, self.run.generator("batch", t))
        blocks = self._blocks if recipe.gradient_checkpointing else []
        with recomputed(blocks):
            loss = self._backward(t, ids.to(device), is_text.to(device))
        if math.isfinite(loss):
            self._learn(t)
        for adapter in self.adapters.values():
            adapter.A.grad = adapter.B.grad = adapter.base.weight.grad = None
        return loss, int(is_text.sum())

    def _backward(self, t: int, ids: Tensor, is_text: Tensor) -> float:
        losses = text_losses(self.module, ids, is_text, self.recipe.batch_size)
        total = 0.0
        for part in range(self.recipe.accumulate):
            self._seed_dropout(t, part)
            loss = next(losses)  # made here, under these seeds
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            total += float(loss.detach())
        for adapter in self.adapters.values():
            adapter.seed = None
        return total

    def _seed_dropout(self, t: int, part: int) -> None:
        if not self.recipe.lora_dropout:
            return
        draw = self.run.generator("dropout", t, part)
        seeds = torch.randint(2**62, (len(self.adapters),), generator=draw).tolist()
        for adapter, seed in zip(self.adapters.values(), seeds, strict=True):
            adapter.seed = seed

    def _learn(self, t: int) -> None:
        self.norms.see(t, (factor.grad for factor in self._factors))
        norm = nn.utils.clip_grad_norm_(self._factors, MAX_NORM)
        if t < self.schedule.cooldown_start:
            self.importance.move()
        falling = (self.schedule.steps - t) / self.schedule.steps
        self.lr = self.recipe.lr * (falling if self._course is None else self._course(t))
        if norm.isfinite():
            self._optimizer.param_groups[0]["lr"] = self.lr
            self._optimizer.step()
        self.step_count = t + 1
        if self.schedule.is_update(self.step_count, self.recipe.prune_freq):
            ratio = self.schedule.ratio(self.step_count)
            for group in self.groups:
                kept, average = self.gates.kept[group.name], self.importance.of[group.name]
                self.gates.put(group.name, shrunk(kept, average, n_pruned(group.n, ratio)))

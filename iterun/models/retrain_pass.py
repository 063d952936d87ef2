"""A model in memory, pruned to rising sparsities and retrained after each: PERP's main procedure.

Cycle c of C prunes to s_c = 1 - (1 - s)^(c/C) and trains for its share of the steps, with a rate
schedule of its own; then its adapters are merged. One cycle is the paper's case.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from iterun.errors import misset
from iterun.models import mask_files, tensor_files
from iterun.models.blocks import prunable_weights
from iterun.models.gradient_norms import GradientNorms
from iterun.models.pruned import rebuild
from iterun.models.recipe import Recipe, name_of_head
from iterun.models.retrain import Retrainer, Trained, do_steps, recomputed, text_losses
from iterun.models.sequential import LoadedBlocks, PrunedBlock, prune_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from iterun.data.batches import TrainingText
    from iterun.models.block_pass import Keeper
    from iterun.ops.lr_schedule import Schedule
    from iterun.ops.sparsify import Method
    from iterun.types import Ref


@dataclass(kw_only=True)
class RetrainPass:
    """The pass over a model."""

    run: Keeper  #: takes the files
    source: LoadedBlocks
    method: Method  #: how matrices are pruned in the end
    recipe: Recipe  #: of all steps together
    ids: Tensor | None  #: calibration windows, (n, length), if the method needs them
    text: TrainingText
    cycles: int
    rows: int  #: sequences an optimizer step
    size: int  #: sequences a forward pass
    recompute: bool  #: activations of blocks are computed twice to save memory
    pruned: Callable[[PrunedBlock], None]  #: told what each pruning left, before any training
    norms: GradientNorms = field(default_factory=lambda: GradientNorms(l1=True))
    updated: Ref | None = None  #: weights that the dense model and the masks don't give
    moved: bool = False  #: whether matrices are among them

    def __post_init__(self) -> None:
        for cycle in range(self.cycles):
            self._course(cycle)  # what can't be read is told now

    def prune(self, cycle: int) -> None:
        """Prune to the sparsity of cycle 0, 1, ... and switch on its training."""
        self.sparsity = self._asked(cycle)
        method = replace(self.method, sparsity=self.sparsity)
        random = partial(self.run.generator, "random")
        before = self.trainer.masks if cycle else {}
        done = prune_model(self.source, method, self.ids, random, self.run.progress)
        self.pruned(done)
        masks = {f"{name}.weight": mask for name, mask in done.masks.items()}
        shapes = {name: mask.shape for name, mask in masks.items()}
        write = partial(mask_files.write_masks, shapes=shapes, masks=masks.values())
        self.masks_file = self.run.save_file("masks.safetensors", write)
        # Where a mask keeps what an earlier one did not, the dense weight stays 0.
        came_back = (bool((done.masks[name] & ~mask).any()) for name, mask in before.items())
        merged = cycle and "lora" in self.recipe.train
        self.moved |= self.method.criterion == "sparsegpt" or bool(merged) or any(came_back)
        if changed := self._changed(cycle, list(masks)):
            save = partial(tensor_files.write_tensors, tensors=changed)
            self.updated = self.run.save_file("updated.safetensors", save)
        self._begin(cycle, masks)

    def train(self, steps: range, where: str) -> Trained:
        """Do optimizer steps; before the first of a cycle the model is pruned further.

        Args:
            steps: of those from 0 on.
            where: for the message, as in "iteration 3".

        Raises:
            DivergedError: the loss is not finite.
        """
        shown = self.run.progress(steps, "retrain")
        done = do_steps(shown, self._step, where, before=self._next_cycle)
        return done.trained(self.trainer.lr, self.trainer.n_trained)

    @property
    def is_last_cycle(self) -> bool:
        return self.cycle == self.cycles - 1

    @property
    def n_steps(self) -> int:
        """Optimizer steps done, of all cycles."""
        return self.cycle_begin + self.trainer.step_count

    def state(self) -> dict[str, Any]:
        return {
            "cycle": self.cycle,
            "sparsity": self.sparsity,
            "masks": self.masks_file,
            "updated": self.updated,
            "moved": self.moved,
            "trainer": self.trainer.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the pruned weights, then the trained ones, into the dense model.

        Raises:
            ConfigError: a fork would prune less than is pruned.
        """
        self.sparsity = state["sparsity"]
        rest = range(state["cycle"] + 1, self.cycles)
        if any(self._asked(cycle) < self.sparsity for cycle in rest):
            raise misset(
                "sparsity",
                self.method.sparsity,
                f"is too small: the state is pruned to {self.sparsity:.4g}, and cycles prune on",
                "take more, or an earlier iteration",
            )
        self.masks_file, self.updated = state["masks"], state["updated"]
        self.moved = state["moved"]
        masks = self.run.load(self.masks_file)
        updated = self.run.load(self.updated) if self.updated else None
        rebuild(self.source.module, masks, updated=updated)
        self._begin(state["cycle"], dict(mask_files.read_masks(masks)))
        self.trainer.restore(state["trainer"])

    def finish(self) -> None:
        """Save what was trained, merge, and make sure that what was pruned is still 0."""
        trainer = self.trainer
        if "full" not in self.recipe.train:
            metadata = self.recipe.as_text()
            write = partial(tensor_files.write_tensors, tensors=trainer.values, metadata=metadata)
            self.run.save_file("retrained.safetensors", write)
        trainer.finish(merge=self.recipe.merge)
        mask_files.check_zeros(self.source.module, trainer.masks)

    def _asked(self, cycle: int) -> float:
        """The sparsity of cycle 0, 1, ..."""
        share = (cycle + 1) / self.cycles
        s = self.method.sparsity
        return s if share == 1 else 1 - (1 - s) ** share

    def _next_cycle(self, t: int) -> None:
        """Merge and prune further, if step t is the first of a cycle."""
        if t == self.cycle_end:
            self.trainer.finish(merge=True)
            self.prune(self.cycle + 1)

    def _step(self, t: int) -> tuple[float, int]:
        """Optimizer step t; its loss, and the tokens that it read."""
        ids, is_text = self.text.batch(self.rows, self.run.generator("batch", t))
        device = self.run.device
        names = self.source.block_names if self.recompute else []
        with recomputed(self.source.load(b) for b in range(len(names))):
            module = self.source.module
            losses = text_losses(module, ids.to(device), is_text.to(device), self.size)
            return self.trainer.step(losses), int(is_text.sum())

    def _changed(self, cycle: int, matrices: list[str]) -> dict[str, Tensor]:
        names = list(matrices) if self.moved else []
        if cycle and "head" in self.recipe.train:
            names.append(f"{name_of_head(self.source.module)}.weight")
        return {name: self.source.module.get_parameter(name) for name in names}

    def _begin(self, cycle: int, masks: Mapping[str, Tensor]) -> None:
        """Switch on what is trained, with a fresh optimizer."""
        weights = prunable_weights(self.source.module)  # a file may give them in another order
        layers = {
            name.removesuffix(".weight"): masks[name].to(weight.device)
            for name, weight in weights.items()
        }
        self.cycle_begin, self.cycle_end = self._span(cycle)
        recipe = replace(self.recipe, steps=self.cycle_end - self.cycle_begin)
        self.cycle = cycle
        draw = self.run.generator("lora", cycle)
        course = self._course(cycle)
        self.trainer = Retrainer(self.source.module, recipe, layers, draw, self.norms, course)

    def _span(self, cycle: int) -> tuple[int, int]:
        """The steps of a cycle, from and to."""
        steps = self.recipe.steps
        return steps * cycle // self.cycles, steps * (cycle + 1) // self.cycles

    def _course(self, cycle: int) -> Schedule | None:
        begin, end = self._span(cycle)
        return self.run.schedule(end - begin)

"""Retraining a small part of a pruned module, or all of it (PERP, arXiv 2312.15230).

AdamW without weight decay on what a `Recipe` names; each subset's rate rises linearly over the
first tenth of the steps and falls linearly to 0. What is trained is held in float32; a module in
half precision has a working copy of it. The same code retrains a whole model and repairs one block.
"""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from iterun.errors import DivergedError
from iterun.models.recipe import (
    SUBSETS,
    Recipe,
    name_of_head,
    rate,
    small_parameters,
    untie_head,
)
from iterun.ops.lora import Form, LoraLinear, attach, detach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from iterun.models.gradient_norms import GradientNorms
    from iterun.ops.lr_schedule import Schedule


@dataclass(frozen=True)
class Trained:
    """What some steps came to."""

    loss: float  #: mean over the steps
    lr: float  #: the rate of the last one
    n_trained: int  #: parameters
    n_tokens: int  #: read
    tokens_per_s: float


@dataclass(frozen=True)
class Done:
    """What doing some optimizer steps came to."""

    loss: float  #: mean
    n_tokens: int  #: read
    tokens_per_s: float

    def trained(self, lr: float, n_trained: int) -> Trained:
        return Trained(self.loss, lr, n_trained, self.n_tokens, self.tokens_per_s)


def do_steps(
    steps: Iterable[int],
    do: Callable[[int], tuple[float, int]],
    where: str,
    before: Callable[[int], None] = lambda step: None,
) -> Done:
    """Do optimizer steps one after another.

    Args:
        steps: such as `run.progress` gives them.
        do: does one; its loss, and the tokens that it read.
        where: for the message, as in "iteration 3".
        before: what comes before a step, and is not counted as its time.

    Raises:
        DivergedError: a loss is not finite.
    """
    losses, n_tokens, seconds = [], 0, 0.0
    for t in steps:
        before(t)
        began = time.monotonic()
        loss, n = do(t)
        seconds += time.monotonic() - began
        losses.append(loss)
        n_tokens += n
        if not math.isfinite(loss):
            raise diverged(loss, where, t)
    return Done(sum(losses) / len(losses), n_tokens, n_tokens / max(seconds, 1e-9))


class Retrainer:
    """Trains the chosen subsets of one module.

    Args:
        root: the whole model, or one block; its parameters are frozen. Adapters are put in here and
            stay until `finish`.
        recipe: what and how.
        masks: of its pruned layers, by name within `root`; bool, True = kept.
        generator: draws the adapters' A.
        norms: takes the gradients' norms.
        schedule: multipliers of the rates by step, instead of the usual ones.
    """

    def __init__(
        self,
        root: nn.Module,
        recipe: Recipe,
        masks: Mapping[str, Tensor],
        generator: torch.Generator,
        norms: GradientNorms,
        schedule: Schedule | None = None,
    ) -> None:
        self.root, self.recipe, self.masks = root, recipe, masks
        self._norms = norms
        self._multiplier = partial(rate, steps=recipe.steps) if schedule is None else schedule
        self.step_count = 0
        self.lr = 0.0  #: the highest rate of the last step
        self.empty: list[str] = []  #: subsets without a parameter
        self.head: str | None = None
        chosen = [subset for subset in SUBSETS if subset in recipe.train]
        groups = {subset: self._switch_on(subset, generator) for subset in chosen}
        self._parameters = {name: p for group in groups.values() for name, p in group.items()}
        self.values = {name: _float32(p) for name, p in self._parameters.items()}
        self._optimizer = torch.optim.AdamW(
            [
                {"params": [self.values[name] for name in group], "lr": 0.0, "subset": subset}
                for subset, group in groups.items()
                if group
            ],
            betas=(0.9, 0.999),
            weight_decay=0.0,
        )

    @property
    def n_trained(self) -> int:
        return sum(value.numel() for value in self.values.values())

    def step(self, losses: Iterable[Tensor]) -> float:
        """One optimizer step.

        Args:
            losses: parts of the loss, each made when it is asked for; they are summed.

        Returns:
            The loss before the step. If it isn't finite, nothing was changed.
        """
        total = 0.0
        for loss in losses:
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            total += float(loss.detach())
        if math.isfinite(total):
            self._update()
        for parameter in self._parameters.values():
            parameter.grad = None
        return total

    def finish(self, *, merge: bool) -> None:
        """Take the adapters out: merged, or (the head's apart) dropped."""
        if self.head and not merge:
            adapter = self.root.get_submodule(self.head)
            assert isinstance(adapter, LoraLinear)
            adapter.merge()
        detach(self.root, merge=merge)
        for parameter in self._parameters.values():
            parameter.requires_grad_(False)

    @contextmanager
    def as_merged(self) -> Iterator[None]:
        """In here `lora_prune` computes what it will when merged; the other forms do so anyway."""
        adapters = [a for a in self.root.modules() if isinstance(a, LoraLinear)]
        changed = [adapter for adapter in adapters if adapter.form == "lora_prune"]
        for adapter in changed:
            adapter.form = "mask_lora"
        try:
            yield
        finally:
            for adapter in changed:
                adapter.form = "lora_prune"

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step_count,
            "values": {name: value.detach() for name, value in self.values.items()},
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step_count = state["step"]
        with torch.no_grad():
            for name, value in state["values"].items():
                self.values[name].copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self._copy_back()

    def _switch_on(self, subset: str, generator: torch.Generator) -> dict[str, nn.Parameter]:
        recipe = self.recipe
        if subset == "head":
            untie_head(self.root)
            self.head = name_of_head(self.root)
            found = self._attach({self.head: None}, "lora", generator)
        elif subset == "lora":
            found = self._attach(self.masks, recipe.lora_type, generator)
        else:
            found = small_parameters(self.root, subset)
        for parameter in found.values():
            parameter.requires_grad_(True)
        if not found:
            self.empty.append(subset)
        return found

    def _attach(
        self, masks: Mapping[str, Tensor | None], form: Form, generator: torch.Generator
    ) -> dict[str, nn.Parameter]:
        r, alpha = self.recipe.lora_r, self.recipe.lora_alpha
        adapters = attach(self.root, masks, form, r, alpha, generator=generator)
        return {
            f"{name}.lora_{factor}": getattr(adapter, factor)
            for name, adapter in adapters.items()
            for factor in "AB"
        }

    def _update(self) -> None:
        factor = self._multiplier(self.step_count)
        for group in self._optimizer.param_groups:
            group["lr"] = factor * self.recipe.peak(group["subset"])
        self.lr = max(group["lr"] for group in self._optimizer.param_groups)
        for name, parameter in self._parameters.items():
            value = self.values[name]
            if value is not parameter:
                value.grad = None if parameter.grad is None else parameter.grad.float()
        self._norms.see(self.step_count, (value.grad for value in self.values.values()))
        self._optimizer.step()
        self.step_count += 1
        self._copy_back()

    def _copy_back(self) -> None:
        with torch.no_grad():
            if "full" in self.recipe.train:
                for name, mask in self.masks.items():
                    self.values[f"{name}.weight"].masked_fill_(~mask, 0.0)
            for name, parameter in self._parameters.items():
                if self.values[name] is not parameter:
                    self.values[name].grad = None
                    parameter.copy_(self.values[name])


@contextmanager
def recomputed(blocks: Iterable[nn.Module]) -> Iterator[None]:
    """In here blocks keep no activations for the backward pass but compute them again."""
    from torch.utils.checkpoint import checkpoint

    changed = list(blocks)
    for block in changed:
        forward = partial(checkpoint, block.forward, use_reentrant=False)
        block.forward = forward
    try:
        yield
    finally:
        for block in changed:
            del block.forward  # the class's own is back


def text_losses(module: nn.Module, ids: Tensor, is_text: Tensor, size: int) -> Iterator[Tensor]:
    """Parts of the mean token loss of a padded batch, one for each `size` rows; they add up to it.

    Args:
        module: transformers' ...ForCausalLM.
        ids: int64, (n, length).
        is_text: bool, (n, length); False: padding, which neither is attended to nor predicted.
        size: rows a forward pass.
    """
    total = int(is_text[:, 1:].sum())
    for part, real in zip(torch.split(ids, size), torch.split(is_text, size), strict=True):
        mask = None if real.all() else real.long()
        logits = module(input_ids=part, attention_mask=mask, use_cache=False).logits[:, :-1]
        targets = part[:, 1:].masked_fill(~real[:, 1:], -100).to(logits.device)
        yield (
            F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
            / total
        )


def diverged(loss: float, where: str, step: int) -> DivergedError:
    """The error of a loss that isn't finite, in step 0, 1, ..."""
    return DivergedError(
        f"the loss is {loss} in {where}, step {step + 1}",
        hint="lower the rate, as in task.lr=1e-4",
    )


def _float32(parameter: nn.Parameter) -> Tensor:
    """The parameter itself, or a float32 copy of one in half precision."""
    if parameter.dtype in (torch.float32, torch.float64):
        return parameter
    return parameter.detach().float()

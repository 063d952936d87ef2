"""Training image classifiers by SGD with momentum, masked; each step a function of (seed, t).

    g = ∂L/∂w + λ w;   v <- μ v + m ⊙ g;   w <- w - lr(t) v          (w starts as m ⊙ w)

What a mask removed gets no gradient, so that neither momentum nor decay can revive it; what is kept
moves as if weights were masked after each step. lr, the order of an epoch's pictures and their
augmentation are functions of (seed, t): a training may start at any step, and go on at any.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from iterun.errors import DivergedError
from iterun.ops.masks import zero_pruned_

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor

    from iterun.models.classifier_recipe import Batches, Recipe
    from iterun.ops.lr_schedule import Schedule
    from iterun.types import ImageSplit

    Shown = Callable[[Iterable[Any], str], Iterable[Any]]  #: `run.progress`: items, label

EVALUATED = 500  # pictures a forward pass, at least


class Training:
    """One network on its way from a step to the last one.

    Args:
        module: holds the weights while they are trained, on its device.
        batches: what is trained on.
        recipe: how.
        masks: bool, by parameter name, True = kept; {}: nothing is removed.
        schedule: multipliers of the rate by step, instead of the recipe's own.
    """

    def __init__(
        self,
        module: nn.Module,
        batches: Batches,
        recipe: Recipe,
        masks: Mapping[str, Tensor],
        schedule: Schedule | None = None,
    ) -> None:
        self.module, self.batches, self.recipe = module, batches, recipe
        self._multiplier = recipe.multiplier if schedule is None else schedule
        named = dict(module.named_parameters())
        self._parameters = list(named.values())
        self._values = [parameter.data for parameter in self._parameters]
        self._masks = {n: mask for n, mask in masks.items() if not bool(mask.all())}
        self._masked = [list(named).index(name) for name in self._masks]
        self._factors = [mask.to(self.device, torch.float32) for mask in self._masks.values()]
        #: the steps whose losses `loss` averages: the last epoch's
        self.window = min(batches.in_epoch, recipe.steps)

    @property
    def device(self) -> torch.device:
        return self._values[0].device

    def begin(self, weights: Mapping[str, Tensor], step: int) -> None:
        """Start at a step, from m ⊙ weights, with no momentum."""
        put(self.module, weights)
        for k, mask in zip(self._masked, self._masks.values(), strict=True):
            zero_pruned_(self._values[k], mask)
        self.step = step
        self._momentum = [torch.zeros_like(value) for value in self._values]
        self._last = torch.zeros((), device=self.device)  # loss of the step before
        self._sum = torch.zeros((), device=self.device)
        #: 2-norms of the gradients of L by step; 0 where it was not done
        self.norms = torch.zeros(self.recipe.steps, device=self.device)
        self.module.train()

    def advance(self) -> None:
        """Do one optimizer step."""
        pictures, classes = self.batches.at(self.step)
        if self.device.type != "cpu":
            pictures = pictures.to(self.device, non_blocking=True)
            classes = classes.to(self.device, non_blocking=True)
        loss = F.cross_entropy(self.module(pictures), classes)
        self._update(list(torch.autograd.grad(loss, self._parameters)))
        self._last = loss.detach()
        if self.step >= self.recipe.steps - self.window:
            self._sum += self._last
        self.step += 1

    @property
    def loss(self) -> float:
        """Mean training loss of the last epoch, nats; known at the end."""
        return float(self._sum) / self.window

    def check(self, where: str) -> None:
        """Make sure that the newest loss is a number.

        Raises:
            DivergedError: it is not.
        """
        loss = float(self._last)
        if not math.isfinite(loss):
            raise DivergedError(
                f"the loss is {loss} in {where}, step {self.step}",
                hint=f"lower the rate, as in task.lr={self.recipe.lr / 10:g}",
            )

    def state(self) -> dict[str, Any]:
        """All that changes, as copies."""
        return {
            "step": self.step,
            "weights": taken(self.module),
            "momentum": [value.clone() for value in self._momentum],
            "last": self._last.clone(),
            "sum": self._sum.clone(),
            "norms": self.norms.clone(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.begin(state["weights"], state["step"])
        for value, saved in zip(self._momentum, state["momentum"], strict=True):
            value.copy_(saved)
        self._last.copy_(state["last"])
        self._sum.copy_(state["sum"])
        if "norms" in state:  # runs had none before they were kept
            self.norms.copy_(state["norms"])

    @torch.no_grad()
    def _update(self, gradients: list[Tensor]) -> None:
        recipe = self.recipe
        self.norms[self.step] = torch.stack(torch._foreach_norm(gradients)).norm()
        if recipe.weight_decay:
            torch._foreach_add_(gradients, self._values, alpha=recipe.weight_decay)
        if self._masked:
            torch._foreach_mul_([gradients[k] for k in self._masked], self._factors)
        torch._foreach_mul_(self._momentum, recipe.momentum)
        torch._foreach_add_(self._momentum, gradients)
        torch._foreach_add_(
            self._values, self._momentum, alpha=-recipe.lr * self._multiplier(self.step)
        )


@dataclass(frozen=True, kw_only=True)
class Score:
    """How a classifier does on a split."""

    accuracy: float  #: share, 0 to 1
    loss: float  #: mean cross-entropy, nats


@torch.no_grad()
def evaluate(module: nn.Module, split: ImageSplit, shown: Shown, size: int = EVALUATED) -> Score:
    """Accuracy and loss of the module as it stands, in eval mode.

    Args:
        module: stays in eval mode.
        split: all of it.
        shown: such as `run.progress`.
        size: pictures a forward pass; at least EVALUATED are taken.
    """
    module.eval()
    device = next(module.parameters()).device
    right, loss = torch.zeros((), device=device), torch.zeros((), device=device)
    for index in shown(chunks(torch.arange(len(split)), max(size, EVALUATED)), "evaluate"):
        pictures, classes = (part.to(device) for part in split.batch(index))
        logits = module(pictures)
        right += (logits.argmax(dim=1) == classes).sum()
        loss += F.cross_entropy(logits, classes, reduction="sum")
    return Score(accuracy=int(right) / len(split), loss=float(loss) / len(split))


@torch.no_grad()
def estimate_norms(module: nn.Module, split: ImageSplit, index: Tensor, shown: Shown) -> None:
    """Give batch norms the statistics of some pictures of a split, a chunk at a time."""
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not norms:
        return
    usual = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # torch's word for the mean over all batches
    module.train()
    for part in shown(chunks(index, EVALUATED), "norms"):
        module(split.batch(part)[0].to(next(module.parameters()).device))
    for layer, momentum in zip(norms, usual, strict=True):
        layer.momentum = momentum


def chunks(index: Tensor, size: int) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = index.split(size)  # type: ignore[no-untyped-call]  # torch's own
    return found


def prunable(module: nn.Module, left_out: str | None) -> dict[str, Tensor]:
    """Weights of convolutions and linear layers by parameter name, but for one layer's."""
    return {
        f"{name}.weight": layer.weight.data
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and name != left_out
    }


def taken(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's parameters and batch norms' statistics."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def put(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy weights into the module, whose tensors stay the same objects."""
    own = module.state_dict()
    assert own.keys() == weights.keys()
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(weights[name])

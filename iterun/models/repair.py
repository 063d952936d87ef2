"""Layer-wise reconstruction: train a little of one pruned block to give what the dense one gave.

PERP (arXiv 2312.15230): minimise mean (block(X) - Y)² over the block's biases, norms or adapters, X
being the outputs of the pruned and repaired blocks before. Only this block's parameters, gradients
and optimizer state are alive.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from iterun.models.blocks import run_block
from iterun.models.retrain import Retrainer, Trained, diverged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor, nn

    from iterun.models.gradient_norms import GradientNorms
    from iterun.models.recipe import Recipe
    from iterun.models.sequential import Shown
    from iterun.ops.lr_schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """What the repair of one block came to."""

    before: float  #: mean squared error of the pruned block
    after: float  #: of the repaired one, adapters merged
    trained: Trained
    values: dict[str, Tensor]  #: what was trained, by name within the block
    empty: list[str]  #: subsets without a parameter


@dataclass(frozen=True)
class Task:
    """One pruned block and what it should give."""

    block: nn.Module
    masks: Mapping[str, Tensor]  #: by layer; bool, True = kept
    hidden: Tensor  #: X, (n, length, hidden)
    kwargs: Mapping[str, Any]  #: the block's other arguments
    targets: Tensor  #: Y, like X

    def error(self, shown: Shown) -> float:
        """Mean (block(X) - Y)² over all entries; `shown` is such as `run.progress`."""
        total = 0.0
        with torch.no_grad():
            for w in shown(range(len(self.hidden)), "error"):
                x, y = self.hidden[w : w + 1], self.targets[w : w + 1]
                got = run_block(self.block, x, self.kwargs)
                error = got.float().to(y.device) - y.float()
                total += float(error.square().double().sum())
        return total / self.targets.numel()

    def losses(self, step: int, rows: int, size: int) -> Iterator[Tensor]:
        """Parts of the loss of a step's windows, `size` at a time; they add up to it.

        The windows come in fixed order: step t takes `rows` of them from t · rows on, around.
        """
        n = len(self.hidden)
        chosen = (torch.arange(rows) + step * rows) % n
        for part in torch.split(chosen, size):
            got = run_block(self.block, self.hidden[part], self.kwargs)
            wanted = self.targets[part]
            error = got.float() - wanted.float().to(got.device)
            yield error.square().sum() / (wanted[0].numel() * rows)


def repair(
    task: Task,
    recipe: Recipe,
    generator: torch.Generator,
    norms: GradientNorms,
    schedule: Schedule | None = None,
    *,
    rows: int,
    size: int,
    shown: Shown,
    where: str,
) -> Repaired:
    """Train one block for `recipe.steps` steps and merge.

    Args:
        task: the block.
        recipe: what of it is trained, and how.
        generator: draws the adapters.
        norms: takes the gradients' norms.
        schedule: multipliers of the rates by step, instead of the usual ones.
        rows: windows an optimizer step.
        size: windows a forward pass.
        shown: such as `run.progress`.
        where: for the message, as in "iteration 3".

    Raises:
        DivergedError: the loss is not finite.
    """
    before = task.error(shown)
    trainer = Retrainer(task.block, recipe, task.masks, generator, norms, schedule)
    losses, began = [], time.monotonic()
    for step in shown(range(recipe.steps), "repair"):
        losses.append(trainer.step(task.losses(step, rows, size)))
        if not math.isfinite(losses[-1]):
            raise diverged(losses[-1], where, step)
    seconds = time.monotonic() - began
    n_tokens = recipe.steps * rows * task.hidden.shape[1]
    speed = n_tokens / max(seconds, 1e-9)
    trained = Trained(sum(losses) / len(losses), trainer.lr, trainer.n_trained, n_tokens, speed)
    trainer.finish(merge=True)
    return Repaired(
        before=before,
        after=task.error(shown),
        trained=trained,
        values={name: value.detach() for name, value in trainer.values.items()},
        empty=trainer.empty,
    )

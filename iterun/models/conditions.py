"""What a diffusion model is to draw: words or labels, whichever it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from iterun.errors import ConfigError
from iterun.types import WordConditioned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iterun.types import DiffusionModel


def check(
    model: DiffusionModel, prompt: str | Sequence[str] | None, labels: Sequence[int] | None
) -> None:
    """Refuse what the model doesn't take; it need not be prepared.

    Raises:
        ConfigError: labels for a model of words, words for one of labels, a label it doesn't know.
    """
    if isinstance(model, WordConditioned):
        if labels is not None:
            raise ConfigError(
                f"task.labels={_typed(labels)}: model={model.name} takes words, not labels",
                hint="say it in words: task.prompt='a red fox'",
            )
        return
    if prompt is not None:
        raise ConfigError(
            f"task.prompt={prompt}: model={model.name} takes no words",
            hint="leave task.prompt away; labels are numbers: task.labels=[3]",
        )
    if labels is not None and max(labels) >= model.n_labels:
        last = model.n_labels - 1
        raise ConfigError(
            f"task.labels={_typed(labels)}: model={model.name} "
            + (f"takes numbers from 0 to {last}" if model.n_labels else "takes no labels"),
            hint=f"as in task.labels=[{last}]" if model.n_labels else "leave task.labels away",
        )


def check_guidance(model: DiffusionModel, **settings: tuple[float, float]) -> None:
    """Refuse to guide a model that has no condition: it would be asked twice for the same.

    Args:
        model: it need not be prepared.
        **settings: of the task, by name: the value, and the one that guides nothing.

    Raises:
        ConfigError: one of them guides.
    """
    for name, (value, without) in settings.items():
        if model.n_labels == 0 and value > without:
            raise ConfigError(
                f"task.{name}={value:g}: model={model.name} takes no condition to be guided by",
                hint=f"task.{name}={without:g}",
            )


def conditions(
    model: DiffusionModel, prompts: str | Sequence[str], labels: Sequence[int] | None, n: int
) -> Tensor:
    """The conditions of n samples, in turn, on the model's device.

    Args:
        model: prepared.
        prompts: told to a model of words.
        labels: for others; None: all that there are.
        n: how many.
    """
    told: object = model
    if isinstance(told, WordConditioned):
        told.describe([prompts] if isinstance(prompts, str) else prompts)
    # A model without labels has one condition: none.
    shown = labels or range(max(model.n_labels, 1))
    chosen = torch.tensor([shown[k % len(shown)] for k in range(n)])
    return chosen.to(model.alphas_bar.device)


def _typed(labels: Sequence[int]) -> str:
    return str(list(labels)).replace(" ", "")

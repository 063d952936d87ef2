"""Optimizer steps of a policy, an AdamW an arm, and the order of batches."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor, nn

    from iterun.models.gradient_norms import GradientNorms

CLIP = 1.0  # largest norm of a step's gradient


class Learner:
    """Values of a policy's parameters with an AdamW of their own, kept through the run.

    The parameters wear these values while they are trained; `Policy.wear` puts others on.

    Args:
        parameters: what is trained.
        lr: peak rate.
        multiplier: of it, by step.
        norms: takes the gradients' norms, if they are wanted.
    """

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        *,
        lr: float,
        multiplier: Callable[[int], float],
        norms: GradientNorms | None = None,
    ) -> None:
        self._parameters, self.norms = parameters, norms
        self.values = {name: p.detach().clone() for name, p in parameters.items()}
        self.n_steps = 0
        self._lr, self._multiplier = lr, multiplier
        self._optimizer = torch.optim.AdamW(list(parameters.values()), lr=lr, weight_decay=0.0)

    def step(self, parts: Iterable[Tensor]) -> float:
        """One optimizer step on what the parameters wear; the loss before it.

        If that isn't finite, nothing was changed.
        """
        total = 0.0
        for loss in parts:
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            total += float(loss.detach())
        if math.isfinite(total):
            for group in self._optimizer.param_groups:
                group["lr"] = self._lr * self._multiplier(self.n_steps)
            if self.norms is not None:
                self.norms.see(self.n_steps, (p.grad for p in self._parameters.values()))
            torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), CLIP)
            self._optimizer.step()
            self.n_steps += 1
        for parameter in self._parameters.values():
            parameter.grad = None
        return total

    def state(self) -> dict[str, Any]:
        return {
            "values": self.values,
            "optimizer": self._optimizer.state_dict(),
            "n_steps": self.n_steps,
            "norms": self.norms.state() if self.norms is not None else None,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, value in state["values"].items():
            self.values[name].copy_(value)
        self._optimizer.load_state_dict(state["optimizer"])
        self.n_steps = state["n_steps"]
        if self.norms is not None and state.get("norms"):  # runs had none before they were kept
            self.norms.restore(state["norms"])


def batch_of(n: int, size: int, step: int, draw: Callable[[int], torch.Generator]) -> Tensor:
    """The units of one optimizer step, int64, (size,): a function of its number alone.

    Units come in permutations, one after another; a batch may lie across two of them.

    Args:
        n: units.
        size: of a batch.
        step: from 0.
        draw: gives the generator of permutation 0, 1, ...
    """
    first, last = step * size // n, ((step + 1) * size - 1) // n
    order = torch.cat([torch.randperm(n, generator=draw(k)) for k in range(first, last + 1)])
    begin = step * size - first * n
    return order[begin : begin + size]

"""How much every head and channel matters, moved after each backward pass (LoRAPrune, 2305.18403).

lora         |(W + scale·BA) ⊙ Ĝ|^power, with Ĝ out of the gradients of A and B alone
grad         the same with Ĝ = ∂L/∂W, which needs the gradient of every matrix at once
magnitude    the same with Ĝ = 1
random       numbers drawn once: a control

Matrices are judged some rows at a time, in float32: beside the factors' gradients nothing is held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import torch

from iterun.ops.lora import LoraLinear, effective_weight
from iterun.ops.structured import (
    gradient_estimate,
    group_importance,
    importance_,
    moved_average,
    unit_sums,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from iterun.models.structured import Group, Member

Metric = Literal["lora", "grad", "magnitude", "random"]
ENTRIES = 2**18  # of a matrix judged at once, 1 MB


class Importance:
    """The moving averages of all groups.

    Args:
        groups: those that may be pruned.
        adapters: by layer; with `grad` their matrices require gradients from here on.
        metric: what judges.
        power: of the importance of one weight.
        generator: by a group's name, for `random`.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        adapters: Mapping[str, LoraLinear],
        metric: Metric,
        power: int,
        generator: Callable[[str], torch.Generator],
    ) -> None:
        self._groups, self._adapters = groups, adapters
        self._metric, self._power = metric, power
        self.n_skipped = 0  #: moves of a group that a NaN prevented
        self.of: dict[str, Tensor] = {}  #: I by group; (units,), >= 0
        for group in groups:
            device = adapters[group.members[0].layer].A.device
            self.of[group.name] = torch.zeros(group.n, device=device)
            if metric == "random":
                self.of[group.name].copy_(torch.rand(group.n, generator=generator(group.name)))
            for member in group.members if metric == "grad" else ():
                adapters[member.layer].base.weight.requires_grad_(True)

    @torch.no_grad()
    def move(self) -> None:
        """Take in the gradients as they are now."""
        for group in self._groups if self._metric != "random" else ():
            device = self.of[group.name].device
            new = group_importance(self._unit_sums(m).to(device) for m in group.members)
            moved = moved_average(self.of[group.name], new)
            if moved is None:
                self.n_skipped += 1
            else:
                self.of[group.name] = moved

    def state(self) -> dict[str, Any]:
        judged_by = self._metric, self._power
        return {"judged_by": judged_by, "of": self.of, "n_skipped": self.n_skipped}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put the averages back; a fork that judges by something else begins its own."""
        self.n_skipped = state["n_skipped"]
        if state["judged_by"] != (self._metric, self._power):
            return
        for name, average in state["of"].items():
            self.of[name] = average.to(self.of[name].device)

    def _unit_sums(self, member: Member) -> Tensor:
        """Sums over a matrix's units, (units,); some of its rows are looked at at once."""
        adapter, by_rows = self._adapters[member.layer], member.along == "rows"
        n, width = adapter.base.weight.shape
        lines = torch.zeros(n if by_rows else width, device=adapter.A.device)
        n_some = max(1, ENTRIES // width)
        for first in range(0, n, n_some):
            some = slice(first, first + n_some)
            scores = self._scores(adapter, some)
            if by_rows:
                lines[some] = scores.sum(dim=1)
            else:
                lines += scores.sum(dim=0)
        return unit_sums(lines, member.size)

    def _scores(self, adapter: LoraLinear, some: slice) -> Tensor:
        """The importance of these rows' weights, in float32."""
        A, B, weight = adapter.A, adapter.B, adapter.base.weight
        gradient: Tensor | None = None
        if self._metric == "lora":
            gradient = gradient_estimate(A, B[some], _gradient(A), _gradient(B)[some])
        elif self._metric == "grad":
            # Not clipped: a factor common to all its entries goes with the norm anyway.
            gradient = _gradient(weight)[some]
        effective = effective_weight(weight[some].float(), None, A, B[some], adapter.scale)
        return importance_(effective, gradient, self._power)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad

"""Norms of the gradients of optimizer steps, before clipping: what schedules are refined from.

A run keeps them a step in the artifact `gradient_norms.jsonl`, and their means over an iteration
as the metrics `grad_norm` (2-norm) and, of systems that train with Adam, `grad_norm_l1`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

FILE = "gradient_norms.jsonl"


class Host(Protocol):
    """What takes them: a run."""

    def append(self, name: str, rows: Sequence[Any]) -> None: ...


class GradientNorms:
    """Of the steps of one iteration so far.

    Args:
        l1: whether 1-norms are wanted too.
    """

    def __init__(self, *, l1: bool) -> None:
        self._l1 = l1
        self._steps: list[int] = []
        self._norms: dict[str, list[float]] = {"grad_norm": []}
        if l1:
            self._norms["grad_norm_l1"] = []

    def see(self, step: int, gradients: Iterable[Tensor | None]) -> None:
        """Take in one step's gradients; those of a step that are not finite are left out.

        Args:
            step: from 0 to n - 1 of the training it belongs to.
            gradients: of all that is trained; None: this one has none.
        """
        self.add(step, *norms_of(gradients, l1=self._l1))

    def add(self, step: int, *norms: float) -> None:
        """Take in one step's norms: the 2-norm, and the 1-norm where it is wanted."""
        if all(map(math.isfinite, norms)):
            self._steps.append(step)
            for kept, norm in zip(self._norms.values(), norms, strict=True):
                kept.append(norm)

    def tell(self, run: Host) -> dict[str, float]:
        """Give the steps' norms to the run and begin anew; their means. Nothing without a step."""
        if not self._steps:
            return {}
        names, columns = list(self._norms), list(self._norms.values())
        run.append(
            FILE,
            [
                {"step": step} | dict(zip(names, norms, strict=True))
                for step, *norms in zip(self._steps, *columns, strict=True)
            ],
        )
        means = {name: sum(norms) / len(norms) for name, norms in self._norms.items()}
        self.clear()
        return means

    def clear(self) -> None:
        """Forget the steps so far."""
        self._steps.clear()
        for norms in self._norms.values():
            norms.clear()

    def state(self) -> dict[str, Any]:
        return {"steps": list(self._steps)} | {k: list(v) for k, v in self._norms.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._steps = list(state["steps"])
        self._norms = {name: list(state[name]) for name in self._norms}


@torch.no_grad()
def norms_of(gradients: Iterable[Tensor | None], *, l1: bool) -> list[float]:
    """The 2-norm of all of them together, and the 1-norm if it is wanted."""
    found = [gradient for gradient in gradients if gradient is not None]
    norms = [float(_stacked(found, 2).norm())]
    return [*norms, float(_stacked(found, 1).sum())] if l1 else norms


def _stacked(gradients: Sequence[Tensor], order: int) -> Tensor:
    """The tensors' own norms, float32, (n,), on the CPU where they lie on several devices."""
    norms = torch._foreach_norm([gradient.float() for gradient in gradients], order)
    apart = len({norm.device for norm in norms}) > 1
    return torch.stack([norm.cpu() if apart else norm for norm in norms])

"""What samples of a diffusion model are worth, by the model's own judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from iterun.errors import DivergedError
from iterun.ops.diffusion import frechet

if TYPE_CHECKING:
    from torch import Tensor

    from iterun.types import SampleJudge


class Quality:
    """Fréchet distance to the training samples, and agreement with the labels.

    Args:
        judge: gives features and logits.
        reference: the training samples.
    """

    def __init__(self, judge: SampleJudge, reference: Tensor) -> None:
        self._judge = judge
        self._reference = judge.features(reference)
        held_out, _ = judge.held_out()
        #: of samples that the model was not trained on: the floor
        self.fd_heldout = self.fd(held_out)

    def fd(self, x: Tensor) -> float:
        return frechet(self._judge.features(x), self._reference)

    def acc(self, x: Tensor, labels: Tensor) -> float:
        """Share of the samples that show what their label says."""
        return float((self._judge.logits(x).argmax(dim=1) == labels).double().mean())


def finite(x: Tensor, whose: str, i: int) -> Tensor:
    """Samples x as they are.

    Raises:
        DivergedError: not all of them are numbers; it names the iteration i.
    """
    if not torch.isfinite(x).all():
        raise DivergedError(
            f"iteration {i}: {whose} are not numbers any more",
            hint="a smaller task.lr or task.guidance_scale, or backend.dtype=float32",
        )
    return x

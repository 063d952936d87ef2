"""How far apart two trainings of one network ended, as the metrics of a run."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch

from iterun.models.classifier import Score, estimate_norms, evaluate, put
from iterun.ops import stability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from iterun.models.classifier import Shown
    from iterun.types import ImageSplit

ESTIMATED = 1000  # training pictures that batch norms' statistics are of, along a barrier


def apart(
    name: str, a: Mapping[str, Tensor], b: Mapping[str, Tensor], masks: Mapping[str, Tensor]
) -> dict[str, float]:
    """`l2_<name>` and `angle_<name>` under a mask; the angle to a network of zeros is left out."""
    found = {f"l2_{name}": stability.distance(a, b, masks)}
    degrees = stability.angle(a, b, masks)
    return found if degrees is None else found | {f"angle_{name}": degrees}


@dataclass(kw_only=True)
class Judge:
    """Evaluates weights in one module, which it leaves changed."""

    module: nn.Module
    test: ImageSplit
    train: ImageSplit  #: batch norms' statistics between two networks are of pictures of it
    generator: torch.Generator  #: draws them, once
    size: int  #: pictures a forward pass
    shown: Shown  #: such as `run.progress`

    def score(self) -> Score:
        """Of the module as it stands."""
        return evaluate(self.module, self.test, self.shown, self.size)

    def barrier(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
        """See `stability.barrier`; the statistics of batch norms are estimated anew at each α."""
        return stability.barrier(partial(self._error, a, b))

    def _error(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor], alpha: float) -> float:
        put(self.module, stability.between(a, b, alpha))
        estimate_norms(self.module, self.train, self._estimated, self.shown)
        return 1 - self.score().accuracy

    @cached_property
    def _estimated(self) -> Tensor:
        return torch.randperm(len(self.train), generator=self.generator)[:ESTIMATED]

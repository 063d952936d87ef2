"""How far apart two trainings of one network ended: distance, angle, and the error between them.

    l2(a, b)    = ‖m ⊙ (a - b)‖₂                                 over all tensors together
    angle(a, b) = 2 atan2(‖u - v‖, ‖u + v‖),  u = m⊙a/‖m⊙a‖, v = m⊙b/‖m⊙b‖,  in degrees
    barrier     = max over α in {0, 0.1, ..., 1} of err(α) - ½ (err(0) + err(1))

err(α) is the test error of α a + (1 - α) b. This form of the angle is exactly 0 for equal vectors,
where an arc cosine gives what rounding left. The barrier is of the follow-up, arXiv 1912.05671.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

ALPHAS = tuple(k / 10 for k in range(11))


def distance(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], masks: Mapping[str, Tensor]
) -> float:
    """‖m ⊙ (a - b)‖₂ over the tensors that `masks` names, summed in float64."""
    squares = [
        (_kept(a, name, mask) - _kept(b, name, mask)).square() for name, mask in masks.items()
    ]
    return math.sqrt(sum(float(part.sum()) for part in squares))


def angle(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], masks: Mapping[str, Tensor]
) -> float | None:
    """The angle between m ⊙ a and m ⊙ b in degrees; None where one of them is all 0."""
    nothing = {name: torch.zeros_like(a[name]) for name in masks}
    length_a, length_b = distance(a, nothing, masks), distance(b, nothing, masks)
    if not (length_a and length_b):
        return None
    difference = total = 0.0
    for name, mask in masks.items():
        u, v = _kept(a, name, mask) / length_a, _kept(b, name, mask) / length_b
        difference += float((u - v).square().sum())
        total += float((u + v).square().sum())
    return math.degrees(2 * math.atan2(math.sqrt(difference), math.sqrt(total)))


def barrier(error: Callable[[float], float]) -> float:
    """How much worse the worst point between two networks is than their mean.

    Args:
        error: of α a + (1 - α) b, as a share.
    """
    errors = [error(alpha) for alpha in ALPHAS]
    return max(errors) - (errors[0] + errors[-1]) / 2


def between(a: Mapping[str, Tensor], b: Mapping[str, Tensor], alpha: float) -> dict[str, Tensor]:
    """α a + (1 - α) b; at 0 and 1 the very ends. What is no float is taken from `a`."""
    return {
        name: torch.lerp(b[name], value, alpha) if value.is_floating_point() else value
        for name, value in a.items()
    }


def _kept(values: Mapping[str, Tensor], name: str, mask: Tensor) -> Tensor:
    return values[name].detach()[mask].double()

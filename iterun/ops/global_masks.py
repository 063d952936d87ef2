"""Masks over all tensors of a network together: the smallest of what is left go, counted exactly.

n_{r+1} = n_r - ⌈p · n_r⌉,   m_{r+1} = m_r ⊙ 1[|w| not among the ⌈p · n_r⌉ smallest kept]
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import torch

from iterun.ops.masks import keep_largest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor

CountRule = Literal["prunable", "reference"]


def n_removed(n_left: int, p: float, n_never_pruned: int = 0) -> int:
    """⌈p · n⌉ of the weights that are left, p read as the decimal that was typed.

    Args:
        n_left: kept weights of the tensors that are pruned.
        p: share, in (0, 1).
        n_never_pruned: weights of other tensors that the published code counts in as well.
    """
    return math.ceil(Fraction(repr(p)) * (n_left + n_never_pruned))


def n_left(n: int, p: float, levels: int, n_never_pruned: int = 0) -> list[int]:
    """Kept weights at level 0, 1, ..., `levels`; shorter if a level would leave none."""
    left = [n]
    while len(left) <= levels:
        rest = left[-1] - n_removed(left[-1], p, n_never_pruned)
        if rest <= 0:
            break
        left.append(rest)
    return left


def prune_smallest(
    weights: Mapping[str, Tensor], masks: Mapping[str, Tensor], n: int
) -> dict[str, Tensor]:
    """Masks without the `n` smallest |w| that were kept, of all tensors together.

    Args:
        weights: any shapes, one dtype, on one device.
        masks: bool, of the same names and shapes; what they removed stays removed.
        n: of equal ones those of the earlier tensor, then of the smaller flat index, go first.
    """
    kept = torch.cat([weights[name].detach()[mask] for name, mask in masks.items()])
    counts = [int(mask.count_nonzero()) for mask in masks.values()]
    found = {}
    parts = torch.split(keep_largest(kept, n), counts)
    for (name, mask), stays in zip(masks.items(), parts, strict=True):
        found[name] = mask.clone()
        found[name][mask] = stays
    return found


def permuted(masks: Mapping[str, Tensor], generator: Generator) -> dict[str, Tensor]:
    """Each mask with its entries in random places: as sparse, tensor by tensor.

    Args:
        masks: bool.
        generator: on the CPU.
    """
    found = {}
    for name, mask in masks.items():
        order = torch.randperm(mask.numel(), generator=generator).to(mask.device)
        found[name] = mask.flatten()[order].view(mask.shape)
    return found

"""Step sizes as multipliers of the peak rate: pure functions of the step. No torch.

multistep    m(t) = min(1, (t + 1) / warmup) · gamma^(number of milestones passed by t)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def multistep(
    step: int, *, n_steps: int, milestones: Sequence[float], gamma: float, warmup: int = 0
) -> float:
    """The multiplier of optimizer step `step`.

    Args:
        step: from 0 to n_steps - 1.
        n_steps: of the whole training.
        milestones: shares of n_steps, in (0, 1); from the step that each names on, `gamma` counts.
        gamma: factor at each milestone.
        warmup: steps in which the rate rises along a line to the peak; none of them is without
            any rate, the last one has the whole.
    """
    passed = sum(step >= milestone_step(share, n_steps) for share in milestones)
    rising = min(1.0, (step + 1) / warmup) if warmup else 1.0
    return float(rising * gamma**passed)


def milestone_step(share: float, n_steps: int) -> int:
    """The step nearest to a share of them: 0.333333 of 90 is 30."""
    return round(share * n_steps)

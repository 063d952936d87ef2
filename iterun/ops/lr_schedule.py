"""Step sizes as multipliers of the peak rate: functions of the step t = 0 ... T - 1. No torch.

    constant     1
    linear       1 - t/T
    cosine       (1 + cos(πt/T)) / 2
    inv_sqrt     1 / sqrt(1 + t/T0)
    inverse      1 / (1 + t/T0)
    stepwise     a tenth less at a third and at two thirds: 10^-(milestones passed by t)
    warmup_poly  (1 - t/T)^p, after a warm-up
    wsd          1, then a line to 0 over the last share (warm-up, stable, decay)

A warm-up of W steps multiplies step t < W by (t + 1)/W and begins the family's own course at W,
T - W steps long. `stepwise` alone counts its milestones from step 0 on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Values = NDArray[np.float64]

WARMUP_POLY, WSD_DECAY = 0.1, 0.2  # shares of the steps, where none is given
THIRDS, TENTH = (1 / 3, 2 / 3), 0.1  # of stepwise: milestones, shares of the steps, and factor


@dataclass(frozen=True, eq=False)
class Schedule:
    """The multipliers of one training, by step."""

    values: Values  #: (T,), none negative

    def __call__(self, step: int) -> float:
        """The multiplier of task.lr at optimizer step 0 ... T - 1."""
        return float(self.values[step])


def multipliers(
    name: str,
    n_steps: int,
    *,
    warmup: float | None = None,
    last: float = 0.0,
    t0: float = 1.0,
    power: float = 1.0,
    decay: float = WSD_DECAY,
) -> Values:
    """A family's multipliers, float64, (n_steps,); the peak is 1.

    Args:
        name: of FAMILIES.
        n_steps: T.
        warmup: share of the steps in which the rate rises, in [0, 1); None: 0, but 0.1 of
            warmup_poly and wsd.
        last: of linear, cosine, warmup_poly and wsd: what they fall to instead of 0.
        t0: of inv_sqrt and inverse: steps (T0).
        power: of warmup_poly (p).
        decay: of wsd: share of the steps in which the rate falls, at the end.
    """
    if warmup is None:
        warmup = WARMUP_POLY if name in ("warmup_poly", "wsd") else 0.0
    n_rising = math.floor(warmup * n_steps)
    begin = np.arange(1, n_rising + 1, dtype=np.float64) / max(n_rising, 1)
    if name == "stepwise":
        course = np.array([multistep(t, n_steps=n_steps, milestones=THIRDS, gamma=TENTH)
                           for t in range(n_rising, n_steps)])  # fmt: skip
    else:
        n = n_steps - n_rising
        given = {"t0": t0, "power": power, "n_decay": max(1, round(decay * n_steps))}
        course = _COURSES[name](np.arange(n, dtype=np.float64), n, given)
    if name in _TO_LAST:
        course = last + (1 - last) * course
    return np.concatenate([begin, course])


#: t, number of steps behind the warm-up, settings -> multipliers
_COURSES: dict[str, Callable[[Values, int, dict[str, float]], Values]] = {
    "constant": lambda t, n, given: np.ones(n),
    "linear": lambda t, n, given: 1 - t / n,
    "cosine": lambda t, n, given: 0.5 * (1 + np.cos(np.pi * t / n)),
    "inv_sqrt": lambda t, n, given: 1 / np.sqrt(1 + t / given["t0"]),
    "inverse": lambda t, n, given: 1 / (1 + t / given["t0"]),
    "warmup_poly": lambda t, n, given: (1 - t / n) ** given["power"],
    "wsd": lambda t, n, given: np.minimum(1.0, (n - t) / given["n_decay"]),
}
_TO_LAST = ("linear", "cosine", "warmup_poly", "wsd")
FAMILIES = (*_COURSES, "stepwise")


def stretched(values: Values, n_steps: int) -> Values:
    """Multipliers of another number of steps: linear between them on relative time, (n_steps,)."""
    if len(values) == n_steps:
        return values
    ours = np.linspace(0, 1, n_steps) if n_steps > 1 else np.zeros(1)
    return np.interp(ours, np.linspace(0, 1, len(values)), values)


def multistep(
    step: int, *, n_steps: int, milestones: Sequence[float], gamma: float, warmup: int = 0
) -> float:
    """The multiplier of optimizer step `step`: γ^(milestones passed) during a warm-up too.

    Args:
        step: from 0 to n_steps - 1.
        n_steps: of the whole training.
        milestones: shares of n_steps, in (0, 1); from the step that each names on, `gamma` counts.
        gamma: factor at each milestone.
        warmup: steps in which the rate rises along a line to the peak; none of them is without
            any rate, the last one has the whole.
    """
    passed = sum(step >= milestone_step(share, n_steps) for share in milestones)
    return float(rising(step, warmup=warmup) * gamma**passed)


def rising(step: int, *, warmup: int) -> float:
    """A line up to the peak in so many steps, the first of which is not without any rate."""
    return min(1.0, (step + 1) / max(warmup, 1))


def milestone_step(share: float, n_steps: int) -> int:
    """The step nearest to a share of them: 0.333333 of 90 is 30."""
    return round(share * n_steps)

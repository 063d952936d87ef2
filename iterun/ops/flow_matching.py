"""Flow matching on straight lines from noise to data (arXiv 2210.02747), and sampling along them.

x_t = (1 - t) n + t x,  t in [0, 1];   loss = |v(x_t, t) - (x - n)|²;   dx_t / dt = v(x_t, t)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from iterun.ops.diffusion import like

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def flow_loss(
    velocity: Callable[[Tensor, Tensor], Tensor], x: Tensor, noise: Tensor, t: Tensor
) -> Tensor:
    """Mean over samples and their numbers, a scalar.

    Args:
        velocity: v of (n, ...) at times (n,).
        x: data, (n, ...).
        noise: standard normal, as x.
        t: times in [0, 1], (n,).
    """
    weight = like(t, x)
    return F.mse_loss(velocity((1 - weight) * noise + weight * x, t), x - noise)


@torch.no_grad()
def sample_flow(
    velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, *, steps: int
) -> Tensor:
    """Samples, as noise: x_1 from x_0 by the midpoint rule, two calls of the network a step."""
    x, h = noise, 1 / steps
    for k in range(steps):
        t = torch.full((len(x),), k * h, device=x.device)
        middle = x + h / 2 * velocity(x, t)
        x = x + h * velocity(middle, t + h / 2)
    return x

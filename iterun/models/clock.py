"""How long a computation takes, with what it left to do on an accelerator."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def clock(like: Tensor) -> float:
    """Seconds: of the processor where tensors are on the CPU, else of the clock."""
    if like.device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(like.device)
    return time.perf_counter()

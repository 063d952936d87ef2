"""The two small networks of 8x8 digits: a denoiser and a classifier.

Denoiser, 659,296 parameters: x (n, 64) -> 3 residual blocks of width 192 -> noise (n, 64), with

    c = L(SiLU(L(sin(t)))) + E[label] (+ P sin(1000 w))                      (condition, n x 96)
    (a, b, g) = A SiLU(c);   h <- h + (1 + g) f((1 + a) LayerNorm(h) + b)    (block)

Classifier: two convolutions of 3x3, a pooling, 32 features, 10 logits.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from iterun.data.digits_split import N_LABELS, SIDE

PIXELS = SIDE * SIDE
WIDTH = 192
N_BLOCKS = 3
CONDITION = 96
FREQUENCIES = 64
N_FEATURES = 32


def sinusoid(values: Tensor) -> Tensor:
    """(n,) numbers as (n, 64): sines, then cosines, of wavelengths from 2π to 10,000 · 2π."""
    half = FREQUENCIES // 2
    steps = torch.arange(half, device=values.device, dtype=torch.float32)
    angles = values.float()[:, None] * torch.exp(-math.log(10_000) * steps / half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class Block(nn.Module):
    """A gated residual block that the condition scales and shifts; the identity of h + f(h)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.modulate = nn.Linear(CONDITION, 3 * WIDTH)
        self.up = nn.Linear(WIDTH, 2 * WIDTH)
        self.down = nn.Linear(2 * WIDTH, WIDTH)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        scale, shift, gate = self.modulate(condition).chunk(3, dim=1)
        inner = self.norm(h) * (1 + scale) + shift
        out: Tensor = h + (1 + gate) * self.down(F.silu(self.up(inner)))
        return out


class Denoiser(nn.Module):
    """Predicts the noise in (n, 64) at timestep t, given a label; label 10 is "no condition"."""

    def __init__(self) -> None:
        super().__init__()
        self.time_in = nn.Linear(FREQUENCIES, CONDITION)
        self.time_out = nn.Linear(CONDITION, CONDITION)
        self.label = nn.Embedding(N_LABELS + 1, CONDITION)
        #: of the guidance w; at 0 until a distillation trains it
        self.guidance = nn.Linear(FREQUENCIES, CONDITION, bias=False)
        self.enter = nn.Linear(PIXELS, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(N_BLOCKS))
        self.leave = nn.Linear(WIDTH, PIXELS)
        for parameter in (self.guidance.weight, self.leave.weight, self.leave.bias):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, t: Tensor, label: Tensor, w: Tensor | None = None) -> Tensor:
        """The noise, (n, 64).

        Args:
            x: (n, 64).
            t: int64, (n,).
            label: int64, (n,).
            w: guidance that the network itself applies, (n,); None: it knows of none.
        """
        condition = self.time_out(F.silu(self.time_in(sinusoid(t)))) + self.label(label)
        if w is not None:
            condition = condition + self.guidance(sinusoid(1000 * w))
        condition = F.silu(condition)
        h = self.enter(x)
        for block in self.blocks:
            h = block(h, condition)
        out: Tensor = self.leave(h)
        return out


class Classifier(nn.Module):
    """What an (n, 64) picture shows."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.inner = nn.Linear(32 * (SIDE // 2) ** 2, N_FEATURES)
        self.head = nn.Linear(N_FEATURES, N_LABELS)

    def features(self, x: Tensor) -> Tensor:
        """(n, 32), none below 0."""
        h = F.relu(self.first(x.reshape(-1, 1, SIDE, SIDE)))
        h = F.max_pool2d(F.relu(self.second(h)), 2)
        return F.relu(self.inner(h.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits

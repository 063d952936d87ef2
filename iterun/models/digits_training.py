"""How the small networks of digits are trained; the same bits again on one machine.

Everything is drawn from generators of the recipe's own seed, on one CPU thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from iterun.data.digits_split import N_LABELS, Style, load_digits_split
from iterun.models.digits_networks import Classifier, Denoiser
from iterun.models.trained_once import one_thread
from iterun.ops.diffusion import alphas_bar, noised
from iterun.ops.rng import Generators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

    from iterun.types import Shown

BATCH = 128
CLASSIFIER = {"lr": 2e-3, "noise": 0.1}
DENOISER = {"lr": 1.5e-3, "warmup": 100, "weight_decay": 1e-4, "dropped": 0.1, "ema": 0.999}
TUNING = {"lr": 3e-4}


def train_classifier(steps: int, seed: int, shown: Shown) -> Classifier:
    """A classifier of the digits for training, in eval mode."""
    with _apart(seed, "classifier") as draw:
        model = Classifier()
        x, y, _, _ = load_digits_split()
        optimizer = torch.optim.AdamW(model.parameters(), lr=CLASSIFIER["lr"])
        for _ in shown(range(steps), "training the digits classifier, seconds, once"):
            index = torch.randint(len(x), (BATCH,), generator=draw)
            noise = torch.randn((BATCH, x.shape[1]), generator=draw)
            loss = F.cross_entropy(model(x[index] + CLASSIFIER["noise"] * noise), y[index])
            _update(optimizer, loss)
    return model.eval().requires_grad_(requires_grad=False)


def train_denoiser(steps: int, seed: int, shown: Shown) -> Denoiser:
    """A denoiser of the digits for training, the mean over its last steps, in eval mode."""
    with _apart(seed, "denoiser") as draw:
        model = Denoiser()
        x, y, _, _ = load_digits_split()
        label = "training the digits denoiser, about a minute, once"
        mean = fit_denoiser(model, x, y, steps, DENOISER["lr"], draw, shown, label)
    model.load_state_dict(mean)
    return model.eval().requires_grad_(requires_grad=False)


def tune_denoiser(model: nn.Module, style: Style, steps: int, seed: int, shown: Shown) -> Denoiser:
    """The denoiser trained on with digits of a style, all weights, in eval mode."""
    assert isinstance(model, Denoiser)
    with _apart(seed, "tuning") as draw:
        x, y, _, _ = load_digits_split(style)
        model.requires_grad_()
        label = f"tuning the digits denoiser to {style} digits, seconds, once"
        mean = fit_denoiser(model, x, y, steps, TUNING["lr"], draw, shown, label)
    model.load_state_dict(mean)
    return model.eval().requires_grad_(requires_grad=False)


def fit_denoiser(
    model: Denoiser,
    x: Tensor,
    y: Tensor,
    steps: int,
    lr: float,
    draw: torch.Generator,
    shown: Shown,
    label: str,
) -> dict[str, Tensor]:
    """Train on pictures (n, 64) and labels (n,); the mean of the weights over the last steps.

    Mean square error of the noise at a uniform timestep; a tenth of the labels are dropped.
    """
    abar = alphas_bar()
    decay, warmup = DENOISER["weight_decay"], DENOISER["warmup"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)
    mean = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for i in shown(range(steps), label):
        optimizer.param_groups[0]["lr"] = lr * _rate(i, steps, warmup)
        index = torch.randint(len(x), (BATCH,), generator=draw)
        t = torch.randint(len(abar), (BATCH,), generator=draw)
        noise = torch.randn((BATCH, x.shape[1]), generator=draw)
        dropped = torch.rand(BATCH, generator=draw) < DENOISER["dropped"]
        known = y[index].masked_fill(dropped, N_LABELS)
        _update(optimizer, F.mse_loss(model(noised(x[index], abar[t], noise), t, known), noise))
        keep = min(DENOISER["ema"], (1 + i) / (10 + i))
        for name, value in model.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
    return mean


def _rate(i: int, steps: int, warmup: float) -> float:
    """Multiplier of the rate: linear rise, then a cosine to 0 over all steps."""
    from math import cos, pi

    return min(1.0, (i + 1) / warmup) * 0.5 * (1 + cos(pi * i / steps))


def _update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]  # torch's
    optimizer.step()


@contextmanager
def _apart(seed: int, name: str) -> Iterator[torch.Generator]:
    """One thread, and the global generator (which layers are drawn from) put back afterwards."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        generators = Generators(seed)
        torch.manual_seed(generators.torch(f"{name} layers").initial_seed())
        yield generators.torch(name)

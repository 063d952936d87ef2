"""Training speed of prune/lth beside the same loop written bare in PyTorch.

    python scripts/bench/bench_lth.py [--repeats N] [--device cuda]

Both train the same net on the same pictures from the same weights under the same mask, on one
thread, in turn; medians of pictures a second. The bar is 0.8 of the bare loop. That one permutes by
hand, steps with torch.optim.SGD and multiplies every pruned weight by its mask.

digits     mlp6x64, batches of 32, 600 steps
resnet20   32x32 random pictures, batches of 128, 12 steps (a GPU: 400)
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from typing import TYPE_CHECKING

import torch
from torch.nn import functional as F

from iterun.data.digits import digits
from iterun.data.pictures import InMemory
from iterun.models import vision
from iterun.models.classifier import Training, prunable, taken
from iterun.models.classifier_recipe import Recipe
from iterun.models.trainings import Trainings
from iterun.ops.rng import Generators
from iterun.types import Architecture, Placement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from torch import Tensor, nn

    from iterun.types import ImageSplit

PLACE = Placement(device="cpu", dtype="float32", threads=1)


class Host:
    """What `Trainings` needs of a run, without one."""

    def __init__(self) -> None:
        self.generator = Generators(0).torch

    def progress(self, items: Iterable[int], label: str) -> Iterator[int]:
        yield from items

    def safe_point(self) -> None:
        """Nobody waits for one."""

    def schedule(self, n_steps: int) -> None:
        """The recipe's own."""


def ours(module: nn.Module, split: ImageSplit, masks: dict[str, Tensor], recipe: Recipe) -> None:
    weights = taken(module)

    def begin(training: Training) -> None:
        training.begin(weights, 0)

    Trainings(Host(), module, split, recipe).train("bench", masks, begin)


def bare(module: nn.Module, split: InMemory, masks: dict[str, Tensor], recipe: Recipe) -> None:
    device = next(module.parameters()).device
    x, y = split.pixels.to(device), split.classes.to(device)
    n, size = len(y), recipe.batch_size
    named = dict(module.named_parameters())
    optimizer = torch.optim.SGD(
        module.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay
    )
    module.train()
    in_epoch, order = math.ceil(n / size), torch.randperm(n)
    for t in range(recipe.steps):
        if t % in_epoch == 0:
            order = torch.randperm(n).to(device)
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * recipe.multiplier(t)
        place = t % in_epoch * size
        index = order[place : place + size]
        loss = F.cross_entropy(module(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        optimizer.step()
        with torch.no_grad():
            for name, mask in masks.items():
                named[name].mul_(mask)


def compare(name: str, net: str, split: InMemory, device: str, steps: int, repeats: int) -> None:
    depth, width = (6, 64) if net == "mlp" else (20, 16)
    plan = vision.load(Architecture, PLACE, name=name, net=net, depth=depth, width=width)
    shape = (split.pixels.shape[1], split.pixels.shape[2], split.pixels.shape[3])
    size = 32 if net == "mlp" else 128
    recipe = Recipe(
        steps=steps, batch_size=size, lr=0.02, milestones=[0.5], gamma=0.1, warmup=0, momentum=0.9,
        weight_decay=1e-4,
    )  # fmt: skip
    module = plan.build(shape, 10, torch.Generator().manual_seed(0)).to(device)
    draw = torch.Generator().manual_seed(1)
    masks = {
        n: (torch.rand(w.shape, generator=draw) < 0.2).to(device)
        for n, w in prunable(module, plan.output_layer).items()
    }
    floats = {n: mask.float() for n, mask in masks.items()}
    seconds: dict[str, list[float]] = {"bare": [], "iterun": []}
    for repeat in range(repeats + 1):  # the first is not counted
        for which, times in seconds.items():
            began = time.perf_counter()
            if which == "bare":
                bare(module, split, floats, recipe)
            else:
                ours(module, split, masks, recipe)
            if device != "cpu":
                torch.cuda.synchronize()
            if repeat:
                times.append(time.perf_counter() - began)
    rates = {w: steps * size / statistics.median(times) for w, times in seconds.items()}
    share = rates["iterun"] / rates["bare"]
    print(
        f"{name:10} {device:5} bare {rates['bare']:9.0f}/s   iterun {rates['iterun']:9.0f}/s"
        f"   {share:.2f} of bare (bar 0.8)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Time prune/lth beside a bare loop.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    small = digits().train
    assert isinstance(small, InMemory)
    draw = torch.Generator().manual_seed(0)
    large = InMemory(torch.randn(2048, 3, 32, 32, generator=draw), torch.arange(2048) % 10)
    steps = 12 if chosen.device == "cpu" else 400
    compare("digits", "mlp", small, chosen.device, 600, chosen.repeats)
    compare("resnet20", "resnet", large, chosen.device, steps, chosen.repeats)


if __name__ == "__main__":
    main()

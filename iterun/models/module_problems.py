"""Trainings of torch modules that a schedule is judged by: a language model, an image classifier.

    text      a language model of `model=`'s architecture, weights drawn anew, on windows of a text
    pictures  an untrained classifier on labelled pictures, augmented as the data set has it

One seed after another, on the run's device. Losses are measured after the last step, in eval mode:
on all test pictures and up to 10,000 training ones, or on 64 windows of each split.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from torch.nn import functional as F

from iterun.models.gradient_norms import norms_of
from iterun.models.schedule_problems import Asked, Shown, Trained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor, nn

    from iterun.types import Architecture, ImageDataset, ImageSplit, LanguageModel, TextDataset

WINDOW = 128  # tokens, at most
WINDOWS = 64  # of a split, that its loss is measured on
PICTURES = 10_000
CHUNK = 500  # pictures at once
CHUNK_TEXT = 16  # windows at once


class Draw(Protocol):
    """Generators by name and key, each a pure function of both and of the run's seed."""

    def numpy(self, name: str, *key: object) -> np.random.Generator: ...
    def torch(self, name: str, *key: object) -> torch.Generator: ...


@dataclass(frozen=True, kw_only=True)
class ModuleProblem:
    """A module trained afresh for each seed (`schedule_problems.Problem`)."""

    parts: Sequence[Sequence[int]]  #: of one seed each
    n_parameters: int
    make: Callable[[int], nn.Module]  #: untrained, by seed
    loss: Callable[[nn.Module, int, torch.Generator], Tensor]  #: of a batch of so many samples
    measure: Callable[[nn.Module], tuple[float, float]]  #: (train_loss, test_loss), nats
    draw: Draw

    def train(self, seeds: Sequence[int], asked: Asked, shown: Shown) -> Trained:
        """See `Problem`."""
        return Trained.joined([self._trained(seed, asked, shown) for seed in seeds])

    def _trained(self, seed: int, asked: Asked, shown: Shown) -> Trained:
        module = self.make(seed).train()
        parameters = [p for p in module.parameters() if p.requires_grad]
        kinds: dict[str, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
        optimizer = kinds[asked.optimizer](parameters, lr=asked.lr)
        generator = self.draw.torch("batches", seed)
        norms: list[list[float]] = []  # l2, l1
        with _drawing(self.draw, "dropout", seed):
            for t in shown(range(len(asked.multipliers)), f"training, seed {seed}"):
                optimizer.param_groups[0]["lr"] = asked.lr * asked.multipliers[t]
                optimizer.zero_grad(set_to_none=True)
                torch.autograd.backward(self.loss(module, asked.batch, generator))
                norms.append(norms_of((p.grad for p in parameters), l1=True))
                optimizer.step()
        with torch.no_grad():
            train_loss, test_loss = self.measure(module.eval())
        l2, l1 = np.array(norms).T[..., None]  # (T, 1) each
        return Trained(
            train_loss=np.array([train_loss]), test_loss=np.array([test_loss]), l2=l2, l1=l1
        )


def text(
    model: LanguageModel, data: TextDataset, *, seeds: Sequence[int], draw: Draw, device: Any
) -> ModuleProblem:
    """The model's architecture, drawn anew as transformers draws it."""
    from iterun.data.batches import TrainingText

    length = min(WINDOW, model.context)
    splits = [TrainingText(part, model.tokenizer, length) for part in (data.train, data.test)]
    measured = [split.batch(WINDOWS, draw.torch("measured", n)) for n, split in enumerate(splits)]
    kind: Any = type(model.module)

    def make(seed: int) -> nn.Module:
        with _drawing(draw, "weights", seed):
            module: nn.Module = kind(model.module.config)
        return module.to(device)

    def loss(module: nn.Module, n: int, generator: torch.Generator) -> Tensor:
        ids, is_text = splits[0].batch(n, generator)
        return _next_token_loss(module, ids.to(device), is_text.to(device))

    def measure(module: nn.Module) -> tuple[float, float]:
        first, second = (_text_loss(module, *batch, device) for batch in measured)
        return first, second

    return ModuleProblem(
        parts=[[seed] for seed in seeds],
        n_parameters=_count(model.module),
        make=make,
        loss=loss,
        measure=measure,
        draw=draw,
    )


def pictures(
    plan: Architecture, data: ImageDataset, *, seeds: Sequence[int], draw: Draw, device: Any
) -> ModuleProblem:
    """The classifier on the data set's training split."""
    n = len(data.train)
    order = torch.randperm(n, generator=draw.torch("measured", 0))
    measured = [(data.train, order[:PICTURES]), (data.test, torch.arange(len(data.test)))]

    def make(seed: int) -> nn.Module:
        return plan.build(data.shape, data.n_classes, draw.torch("weights", seed)).to(device)

    def loss(module: nn.Module, size: int, generator: torch.Generator) -> Tensor:
        index = torch.randint(n, (size,), generator=generator)
        pixels, classes = data.train.batch(index, generator)
        return F.cross_entropy(module(pixels.to(device)), classes.to(device))

    def measure(module: nn.Module) -> tuple[float, float]:
        of_split = partial(_picture_loss, module, device)
        return of_split(*measured[0]), of_split(*measured[1])

    return ModuleProblem(
        parts=[[seed] for seed in seeds],
        n_parameters=_count(make(seeds[0])),
        make=make,
        loss=loss,
        measure=measure,
        draw=draw,
    )


@contextmanager
def _drawing(draw: Draw, name: str, seed: int) -> Iterator[None]:
    """What draws from torch's global generator in here draws by (name, seed); no mark is left."""
    with torch.random.fork_rng():
        torch.manual_seed(int(draw.numpy(name, seed).integers(2**31)))
        yield


def _count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _next_token_loss(module: nn.Module, ids: Tensor, is_text: Tensor) -> Tensor:
    """Mean over the tokens that follow another one, nats."""
    logits = module(input_ids=ids, attention_mask=is_text.long()).logits[:, :-1]
    return F.cross_entropy(logits[is_text[:, 1:]], ids[:, 1:][is_text[:, 1:]])


def _text_loss(module: nn.Module, ids: Tensor, is_text: Tensor, device: Any) -> float:
    total, n_tokens = 0.0, 0
    for first in range(0, len(ids), CHUNK_TEXT):
        part = slice(first, first + CHUNK_TEXT)
        n = int(is_text[part, 1:].sum())
        found = _next_token_loss(module, ids[part].to(device), is_text[part].to(device))
        total, n_tokens = total + float(found) * n, n_tokens + n
    return total / n_tokens


def _picture_loss(module: nn.Module, device: Any, split: ImageSplit, index: Tensor) -> float:
    total = 0.0
    for part in torch.split(index, CHUNK):
        pixels, classes = split.batch(part)
        logits = module(pixels.to(device))
        total += float(F.cross_entropy(logits, classes.to(device), reduction="sum"))
    return total / len(index)

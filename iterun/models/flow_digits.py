"""A small flow of 8x8 digits, and two classifiers of different kinds that judge what it draws.

    h = SiLU(L [x, sin(1000 t)]);   h <- h + SiLU(L h), twice;   v = L h        181,056 parameters

The flow is trained on the digits for training. The first classifier, digits_diffusion's, is the one
that a reward may be made of. A second one is not to share its errors: a support vector machine of
the held-out digits, which neither of the others has seen (it names 98 % of the training digits).

Networks are trained on first use and kept in the user's cache folder under a name that says how.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from iterun.data.digits_split import N_LABELS, SIDE, load_digits_split
from iterun.errors import DivergedError
from iterun.models import digits_diffusion
from iterun.models.digits_networks import FREQUENCIES, PIXELS, sinusoid
from iterun.models.forms import wrong_form
from iterun.models.trained_once import (
    check_counts,
    kept,
    major_versions,
    one_thread,
    recipe_key,
)
from iterun.ops.flow_matching import flow_loss
from iterun.ops.lr_schedule import rising
from iterun.ops.rng import Generators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from iterun.models.gradient_norms import GradientNorms
    from iterun.types import Placement, Shown

WIDTH = 256
N_INNER = 2
BASE = {"batch": 128, "lr": 2e-3}
WARMUP = 100  # steps at most; a tenth of them all where that is less
SVM = {"C": 10.0}


class Velocity(nn.Module):
    """v of (n, 64) at times (n,) in [0, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(PIXELS + FREQUENCIES, WIDTH)
        self.inner = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(N_INNER))
        self.leave = nn.Linear(WIDTH, PIXELS)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = F.silu(self.enter(torch.cat([x, sinusoid(1000 * t)], dim=1)))
        for layer in self.inner:
            h = h + F.silu(layer(h))
        out: Tensor = self.leave(h)
        return out


@dataclass(kw_only=True)
class FlowDigits:
    """The trained flow (`module`); a sample is (64,), pixels in [-1, 1] row by row."""

    name: str
    device: torch.device
    train_steps: int  #: of the flow
    classifier_steps: int  #: of the first classifier
    seed: int  #: of both; apart from the run's, so that all runs share one model
    shape: tuple[int, ...] = (PIXELS,)
    n_classes: int = N_LABELS
    module: nn.Module = field(init=False)

    def prepare(self, shown: Shown) -> None:
        """Train or load what is not here yet; before the first use."""
        from sklearn.svm import SVC

        self.module = load_flow(self.train_steps, self.seed, shown).to(self.device)
        recipe = _judges_recipe(self.classifier_steps, self.seed)
        self._classifier = digits_diffusion.load_classifier(recipe, shown).to(self.device)
        split = load_digits_split()
        self._other = SVC(**SVM).fit(split.x_test.numpy(), split.y_test.numpy())

    def real(self) -> Tensor:
        """The digits for training, (1437, 64)."""
        return load_digits_split().x_train.to(self.device)

    def logits(self, x: Tensor) -> Tensor:
        """Of the first classifier, (n, 10)."""
        found: Tensor = self._classifier(x)
        return found

    def features(self, x: Tensor) -> Tensor:
        """Of the first classifier, (n, 32)."""
        found: Tensor = self._classifier.features(x)  # type: ignore[operator]  # of Classifier
        return found

    def classes(self, x: Tensor) -> Tensor:
        """What the second classifier sees, int64 (n,), on the CPU."""
        return torch.from_numpy(self._other.predict(x.cpu().numpy())).long()

    def decode(self, x: Tensor) -> Tensor:
        """Pictures in [0, 1], (n, 1, 8, 8)."""
        return ((x + 1) / 2).clamp(0, 1).reshape(-1, 1, SIDE, SIDE).float()


def load(
    form: type,
    place: Placement,
    *,
    name: str,
    kinds: Sequence[str] | None = None,
    train_steps: int,
    classifier_steps: int,
    seed: int,
) -> FlowDigits:
    """The flow, not trained before `prepare`.

    Args:
        form: `FlowDigits`.
        place: device.
        name: as typed after `model=`.
        kinds: what the choice can be used as; judged before this is called.
        train_steps: of the flow.
        classifier_steps: of the first classifier.
        seed: of both.

    Raises:
        ConfigError: another form is asked for, or a recipe that trains nothing.
    """
    if form is not FlowDigits:
        raise wrong_form(name, "a flow", form, kinds or ["flow"])
    check_counts(1, train_steps=train_steps, classifier_steps=classifier_steps)
    check_counts(0, seed=seed)
    return FlowDigits(
        name=name,
        device=torch.device(place.device),
        train_steps=train_steps,
        classifier_steps=classifier_steps,
        seed=seed,
    )


def fingerprint(settings: Mapping[str, Any]) -> str:
    """What tells this model from another: how it is trained."""
    flow = _key(settings["train_steps"], settings["seed"])
    judges = _judges_recipe(settings["classifier_steps"], settings["seed"]).key("classifier")
    return f"recipe:{flow}{judges}"


def load_flow(train_steps: int, seed: int, shown: Shown) -> nn.Module:
    """From the cache, else trained; on the CPU, in eval mode."""
    name = f"digits-flow-{_key(train_steps, seed)}"
    return kept(name, Velocity, lambda: train_flow(train_steps, seed, shown))


def train_flow(steps: int, seed: int, shown: Shown) -> Velocity:
    """A flow of the digits for training, in eval mode; the same bits again on one machine."""
    with one_thread(), torch.random.fork_rng(devices=[]):
        draws = Generators(seed)
        torch.manual_seed(draws.torch("flow layers").initial_seed())
        model, draw = Velocity(), draws.torch("flow")
        x = load_digits_split().x_train
        bar = shown(range(steps), "training the digits flow, half a minute, once")

        def batch(draw: torch.Generator) -> Tensor:
            return x[torch.randint(len(x), (int(BASE["batch"]),), generator=draw)]

        fit_flow(model, batch, bar, n_steps=steps, lr=BASE["lr"], draw=draw)
    return model.eval().requires_grad_(requires_grad=False)


def fit_flow(
    model: nn.Module,
    batch: Callable[[torch.Generator], Tensor],
    steps: Iterable[int],
    *,
    n_steps: int,
    lr: float,
    draw: torch.Generator,
    multiplier: Callable[[int], float] | None = None,
    norms: GradientNorms | None = None,
) -> float:
    """Train all weights by flow matching; the mean loss over the last tenth of the steps.

    Args:
        model: a velocity, on its device.
        batch: draws data, (n, ...), on that device.
        steps: 0 ... n_steps - 1, with a bar or without.
        n_steps: how many.
        lr: peak rate of Adam.
        draw: of batches, noise and times; on the CPU.
        multiplier: of the rate, by step; None: `course`.
        norms: takes the gradients' norms, if they are wanted.

    Raises:
        DivergedError: the loss is not finite.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    multiplier, losses = multiplier or partial(course, n_steps=n_steps), []
    for i in steps:
        optimizer.param_groups[0]["lr"] = lr * multiplier(i)
        x = batch(draw)
        noise = torch.randn(x.shape, generator=draw).to(x.device)
        t = torch.rand(len(x), generator=draw).to(x.device)
        loss = flow_loss(model, x, noise, t)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch's
        if norms is not None:
            norms.see(i, (weight.grad for weight in model.parameters()))
        optimizer.step()
        losses.append(loss.detach())
    last = float(torch.stack(losses[-max(1, n_steps // 10) :]).mean())
    if not math.isfinite(last):
        raise DivergedError("the flow's loss is not a number any more", hint="a smaller task.lr")
    return last


def course(step: int, *, n_steps: int) -> float:
    """The usual multiplier of the rate: a cosine that falls to 0, the first of its steps rising.

    Those are a tenth of them all, and 100 at most.
    """
    warmup = min(WARMUP, -(-n_steps // 10))
    return rising(step, warmup=warmup) * 0.5 * (1 + math.cos(math.pi * step / n_steps))


def _judges_recipe(steps: int, seed: int) -> digits_diffusion.Recipe:
    """The classifier's alone: the denoiser that goes with it is never trained."""
    return digits_diffusion.Recipe(train_steps=1, classifier_steps=steps, seed=seed)


def _key(train_steps: int, seed: int) -> str:
    """Of what decides the flow's weights: 16 hex digits."""
    majors = major_versions("torch", "scikit-learn")
    return recipe_key(
        ["flow", train_steps, seed, WIDTH, N_INNER, FREQUENCIES, BASE, WARMUP, majors]
    )

"""Trainings of one module, one after another, that may be left and taken up inside any of them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from iterun.models.classifier import Training
from iterun.models.classifier_recipe import Batches, Recipe
from iterun.models.gradient_norms import GradientNorms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import torch
    from torch import Tensor, nn

    from iterun.ops.lr_schedule import Schedule
    from iterun.types import ImageSplit

SAFE_EVERY = 50  # steps between two looks at the loss, at each of which a run may be left


class Host(Protocol):
    """What trainings need of a run."""

    def generator(self, name: str, *key: object) -> torch.Generator: ...
    def progress(self, items: Iterable[Any], label: str) -> Iterator[Any]: ...
    def safe_point(self) -> None: ...
    def schedule(self, n_steps: int) -> Schedule | None: ...


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training leaves beside the module's weights."""

    loss: float  #: mean training loss of its last epoch, nats
    states: dict[int, dict[str, Any]]  #: of the training at the steps asked for


class Trainings:
    """The trainings that make up one iteration, and what was measured of those that are done.

    Args:
        run: gives generators, hears of progress and takes checkpoints.
        module: what is trained.
        split: what it is trained on.
        recipe: how.
    """

    def __init__(self, run: Host, module: nn.Module, split: ImageSplit, recipe: Recipe) -> None:
        self._run, self._module, self._split, self._recipe = run, module, split, recipe
        self._schedule = run.schedule(recipe.steps)
        self.norms = GradientNorms(l1=False)  #: of the trainings that keep theirs
        self._open: Training | None = None
        self._waiting: Mapping[str, Any] | None = None  # an open one, until it is taken up
        self.clear()

    def clear(self) -> None:
        """Begin an iteration: nothing is done yet."""
        self._done: list[str] = []
        self.found: dict[str, float] = {}
        self.n_steps = 0  #: optimizer steps of those that are done
        self._n_pictures, self._seconds = 0, 0.0
        self.norms.clear()

    def once(self, name: str, work: Callable[[], Mapping[str, float]]) -> None:
        """Do one part of the iteration, unless a resume found it done; `found` takes its numbers.

        Args:
            name: of the part.
            work: at most one training, and then measures of it.
        """
        if name not in self._done:
            self.found |= work()
            self._done.append(name)

    def train(
        self,
        where: str,
        masks: Mapping[str, Tensor],
        begin: Callable[[Training], None],
        *,
        order: tuple[str, ...] = (),
        halts: Sequence[int] = (),
        keeps_norms: bool = False,
    ) -> Trained:
        """Train the module to the last step, or take up the training that a resume found open.

        Args:
            where: for the bar and messages, as in "level 3, k = 20".
            masks: bool, by parameter name.
            begin: puts weights, and the step that they belong to, into a fresh training.
            order: of the pictures; see Batches.
            halts: steps at which the training's state is copied, if it has not passed them.
            keeps_norms: whether its gradients' norms go into `norms`.

        Raises:
            DivergedError: the loss is not finite.
        """
        size, draw = self._recipe.batch_size, self._run.generator
        batches = Batches(split=self._split, size=size, draw=draw, order=order)
        training = Training(self._module, batches, self._recipe, masks, self._schedule)
        begin(training)
        first = training.step
        if self._waiting is not None:
            training.restore(self._waiting)
            self._waiting = None
        self._open = training
        states = {}
        for halt in sorted({*halts, self._recipe.steps}):
            self._advance(training, halt, where)
            if halt in halts:
                states[halt] = training.state()
        self._open = None
        self.n_steps += self._recipe.steps - first
        if keeps_norms:
            for step, norm in enumerate(training.norms[first:].tolist(), first):
                self.norms.add(step, norm)
        return Trained(loss=training.loss, states=states)

    @property
    def images_per_s(self) -> float:
        """Pictures trained on a second, in this process."""
        return self._n_pictures / max(self._seconds, 1e-9)

    def state(self) -> dict[str, Any]:
        return {
            "done": list(self._done),
            "found": dict(self.found),
            "n_steps": self.n_steps,
            "open": self._open.state() if self._open else None,
            "norms": self.norms.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.clear()
        self._done, self.found = list(state["done"]), dict(state["found"])
        self.n_steps, self._waiting = state["n_steps"], state["open"]
        if "norms" in state:  # runs had none before they were kept
            self.norms.restore(state["norms"])

    def _advance(self, training: Training, until: int, where: str) -> None:
        began, first = time.monotonic(), training.step
        for _ in self._run.progress(range(first, until), where):
            training.advance()
            if training.step % SAFE_EVERY == 0:
                training.check(where)
                self._run.safe_point()
        training.check(where)
        self._n_pictures += (training.step - first) * self._recipe.batch_size
        self._seconds += time.monotonic() - began

"""Rounds of latent-consistency distillation: optimizer steps, then samples at 1, 2, 4, 8 steps."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from iterun.errors import DivergedError
from iterun.models import lcm_sampling
from iterun.models.album import Album, magnified
from iterun.models.clock import clock
from iterun.models.sample_quality import finite
from iterun.ops.consistency import sample_lcm, sampling_times
from iterun.ops.diffusion import sample_ddim
from iterun.ops.pictures import contact_sheet, quality_curve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from torch import Tensor

    from iterun.models.distillation import Distiller
    from iterun.models.sample_quality import Quality
    from iterun.types import Ref

TEACHER_STEPS = 50  # what the few steps are held against
ROW = 10  # pictures of a row of the sheet
ADAPTER, STUDENT = "adapter.safetensors", "student.safetensors"


class Keeper(lcm_sampling.Keeper, Protocol):
    """What the rounds need of a run."""

    def progress(self, items: Iterable[Any], label: str) -> Iterator[Any]: ...
    def append(self, name: str, rows: Sequence[Any]) -> None: ...


@dataclass(kw_only=True)
class DistillationRounds:
    """The run's work in mode distill.

    `labels` are those of the samples that are drawn to evaluate; the noise that they start from is
    the same in every round, for teacher and student.
    """

    run: Keeper
    distiller: Distiller
    quality: Quality | None  #: None: nobody judges these samples
    labels: Tensor
    eval_steps: Sequence[int]
    grid_steps: int  #: sampling steps of the grids
    rounds: int
    steps_per_round: int
    w: float  #: guidance of the teacher's samples; what a full student is told
    n_own: int  #: samples that the teacher draws to be distilled on; 0: it brings its own
    album: Album
    levels: dict[str, float] = field(default_factory=dict)  #: teacher_fd@..., fd_heldout
    history: list[dict[str, float]] = field(default_factory=list)
    _pool: tuple[Tensor, Tensor] | None = None
    _pool_ref: Ref | None = None
    _teacher_seconds: float = 0.0

    def length(self) -> int:
        return self.rounds

    def baseline(self) -> dict[str, float]:
        """The teacher, at few steps and at many; and the student before training."""
        if self.n_own:
            self._draw_pool()
        if self.quality is not None:
            self.levels["fd_heldout"] = self.quality.fd_heldout
        steps = [TEACHER_STEPS] if self.quality is None else self._teacher_steps()
        for n in self.run.progress(steps, "the teacher's samples"):
            began = clock(self.labels)
            x = finite(self._teacher(n), "the teacher's samples", 0)
            if n == TEACHER_STEPS:
                self._teacher_seconds = clock(x) - began
            if self.quality is not None:
                self.levels[f"teacher_fd@{n}"] = self.quality.fd(x)
                self.levels[f"teacher_acc@{n}"] = self.quality.acc(x, self.labels)
        return self._measures(0, {})

    def step(self, i: int) -> dict[str, float]:
        distiller, draw = self.distiller, self.run.generator("distillation")
        x, label = self._samples()
        losses = []
        for _ in self.run.progress(range(self.steps_per_round), "distilling"):
            index = torch.randint(len(x), (distiller.recipe.batch,), generator=draw).to(x.device)
            losses.append(distiller.step(x[index], label[index], draw))
        if not math.isfinite(loss := sum(losses) / len(losses)):
            raise DivergedError(
                f"iteration {i}: the loss is {loss}", hint="a smaller task.lr or task.w_max"
            )
        self.run.save_tensors(self._file(), distiller.tensors(), at=i)
        trained = {"loss": loss} | distiller.norms.tell(self.run)
        return self._measures(i, trained)

    def state(self) -> dict[str, Any]:
        return {
            "distiller": self.distiller.state(),
            "album": self.album.state(),
            "levels": self.levels,
            "history": self.history,
            "pool": self._pool_ref,
            "teacher_seconds": self._teacher_seconds,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.distiller.restore(state["distiller"])
        self.album.restore(state["album"])
        self.levels, self.history = state["levels"], state["history"]
        self._teacher_seconds = state["teacher_seconds"]
        self._pool_ref = state["pool"]

    def result(self) -> dict[str, Any]:
        """The last round's weights, the sheets and the curve; which round was the best."""
        self.run.save_tensors(self._file(), self.distiller.tensors())
        self.run.save_image("teacher-vs-student.png", self._comparison())
        self.album.finish()
        found: dict[str, Any] = {"shown_round": len(self.history) - 1}
        if self.quality is None:
            return found
        self.run.save_image("curve.png", self._curve())
        for n in self.eval_steps:
            best = min(range(len(self.history)), key=lambda k: self.history[k][f"fd@{n}"])
            found[f"best_round@{n}"] = best
        return found

    # Samples.

    def _measures(self, i: int, trained: dict[str, float]) -> dict[str, float]:
        """Draws the student's samples, measures them, keeps a grid."""
        found: dict[str, float] = {}
        steps = dict.fromkeys([*(self.eval_steps if self.quality else ()), self.grid_steps])
        for n in self.run.progress(list(steps), "the student's samples"):
            began = clock(self.labels)
            x = finite(self._student(n), "the student's samples", i)
            if n == self.grid_steps:
                seconds = clock(x) - began
                self.run.cost(speedup=self._teacher_seconds / seconds)
                if self.album.is_due(i, self.rounds):
                    self.album.add(i, self.distiller.teacher.decode(x[: 10 * ROW]))
            if self.quality is not None and n in self.eval_steps:
                found[f"fd@{n}"] = self.quality.fd(x)
                found[f"acc@{n}"] = self.quality.acc(x, self.labels)
        self.history.append(found)
        counts = {"trainable": self.distiller.n_trained, "nfe": self.distiller.calls}
        return trained | found | self.levels | counts

    def _student(self, n: int) -> Tensor:
        model, labels = self.distiller.teacher, self.labels
        w = torch.full(labels.shape, self.w, device=labels.device)
        times = sampling_times(n, self.distiller.recipe.solver_steps, len(model.alphas_bar))
        return sample_lcm(
            lambda x, t: self.distiller.eps(x, t, labels, w),
            model.alphas_bar,
            (len(labels), *model.shape),
            times=times,
            generator=self.run.generator("evaluation", n),
        )

    def _teacher_steps(self) -> list[int]:
        return list(dict.fromkeys([*self.eval_steps, TEACHER_STEPS]))

    def _teacher(self, n: int) -> Tensor:
        draw = self.run.generator("evaluation", n)
        with self.distiller.untrained():
            return sample_ddim(
                self.distiller.teacher, self.labels, steps=n, guidance=self.w, generator=draw
            )

    def _draw_pool(self) -> None:
        """The teacher's own samples, kept as an artifact: to draw them takes long."""
        recipe, model = self.distiller.recipe, self.distiller.teacher
        labels = torch.arange(self.n_own, device=model.alphas_bar.device) % max(model.n_labels, 1)
        draw, parts = self.run.generator("pool"), []
        for part in self.run.progress(
            list(torch.split(labels, recipe.batch)), "samples to distill on"
        ):
            w = (recipe.w_min + recipe.w_max) / 2
            with self.distiller.untrained():
                parts.append(
                    sample_ddim(model, part, steps=TEACHER_STEPS, guidance=w, generator=draw)
                )
        pool = {"x": torch.cat(parts), "label": labels}
        self._pool_ref = self.run.save_tensors("pool.safetensors", pool)

    def _samples(self) -> tuple[Tensor, Tensor]:
        """Clean samples to distill on, and their labels."""
        if self._pool is None:
            model: Any = self.distiller.teacher
            if self._pool_ref is None:
                self._pool = model.training_samples()
            else:
                from safetensors.torch import load_file

                device = str(model.alphas_bar.device)
                found = load_file(self.run.load(self._pool_ref), device=device)
                self._pool = found["x"], found["label"]
        return self._pool

    # Artifacts.

    def _file(self) -> str:
        return ADAPTER if self.distiller.recipe.variant == "lora" else STUDENT

    def _comparison(self) -> Any:
        """A row a number of steps: the teacher's, then the student's."""
        decode = self.distiller.teacher.decode
        rows = {f"teacher, {_steps(n)}": self._teacher(n) for n in self._teacher_steps()}
        rows |= {f"student, {_steps(n)}": self._student(n) for n in self.eval_steps}
        shown = [decode(x[:ROW]) for x in rows.values()]
        return contact_sheet(shown, list(rows), magnify=magnified(shown[0]))

    def _curve(self) -> Any:
        """Quality against function evaluations of one sample."""
        last = self.history[-1]
        series = {
            "teacher": [(n, self.levels[f"teacher_fd@{n}"]) for n in self._teacher_steps()],
            "student, untrained": [(n, self.history[0][f"fd@{n}"]) for n in self.eval_steps],
            f"student, round {len(self.history) - 1}": [
                (n, last[f"fd@{n}"]) for n in self.eval_steps
            ],
        }
        floor = {"held-out digits": self.levels["fd_heldout"]}
        label = "function evaluations"
        return quality_curve(series, x=label, y="Fréchet distance", log="xy", levels=floor)


def _steps(n: int) -> str:
    return "1 step" if n == 1 else f"{n} steps"

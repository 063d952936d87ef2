"""Distill a diffusion model into a low-rank adapter that samples in 1 to 8 steps; or use one.

Paper: the study of LCM-LoRA of arXiv 2403.16024; method: arXiv 2310.04378 and 2311.05556.

    distill    steps_per_round optimizer steps of latent consistency, then samples at eval_steps
               (models/distillation.py: f(z, t) against f*(z', t'), z' a DDIM step of the teacher)
    sample     x <- sqrt(ᾱ_next) f(x, t) + sqrt(1 - ᾱ_next) n, t on N solver times, f at the end
    transport  one sweep of a slab, and its diffusion correction: the abstract's second subject

One step is a round of distillation, one sampling step, or one sweep. Iteration 0 of a distillation
is the teacher, and the student before training. Shapes: x is (images, *model.shape).

Departures: digits take the place of pictures. A published model is distilled on samples that it
drew itself, not on a collection of captioned pictures, and into an adapter only. The sampler is
our own, not diffusers' LCMScheduler (a test holds them equal), so that it resumes between steps.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, outside
from iterun.models import conditions, ready_adapter
from iterun.models.album import Album
from iterun.models.distillation import Distillation, Distiller, Loss, Variant
from iterun.models.lcm_rounds import DistillationRounds
from iterun.models.lcm_sampling import AdaptedSampling
from iterun.models.sample_quality import Quality
from iterun.models.settled import refuse_changes, settled
from iterun.models.slab_iteration import SourceIteration
from iterun.ops.transport import Slab
from iterun.types import DiffusionModel, SampleJudge, SelfTaught, WordConditioned

T = 1000  # timesteps of the noise schedule
AT_LEAST = {
    "rounds": 1,
    "steps_per_round": 1,
    "lora_rank": 1,
    "batch": 1,
    "pool": 1,
    "images": 2,
    "save_every": 1,
    "cells": 1,
    "w_min": 0,
    "guidance_scale": 1,
}
LEAST_TOL = 1e-12  # accelerated sweeps never stand still to the last digit of double precision
ABOVE_0 = ("lora_alpha", "lr", "huber_c", "thickness", "tol")
DIGITS, PICTURES = 1000, 4  # samples drawn where task.images is null
BATCH_DIGITS, BATCH_PICTURES = 128, 16  # where task.batch is null
#: by phase: what the samples, levels or flux of a state were made with
SETTLED = {
    "distill": (
        "lora_alpha", "steps_per_round", "eval_steps", "images", "labels", "prompt",
        "guidance_scale", "pool",
    ),
    "sample": ("steps", "solver_steps", "images"),
    "transport": ("c", "thickness", "cells", "order"),
}  # fmt: skip
PROMPT = "a photograph of an astronaut riding a horse"


@dataclass(kw_only=True)
class LcmLora(Procedure):
    """Latent-consistency distillation and its adapters."""

    threads: ClassVar = 1
    takes_schedule: ClassVar = True
    model_kind: ClassVar = "diffusion"

    problem: Literal["diffusion", "transport"]  #: transport needs no model
    mode: Literal["distill", "sample"] | None  #: null: sample with task.lora or words, else distill
    variant: Variant  #: lora trains adapters, full all weights
    rounds: int  #: of distillation
    steps_per_round: int  #: optimizer steps
    lora_rank: int  #: of the adapters
    lora_alpha: float  #: their scale is lora_alpha / lora_rank
    lr: float | None  #: peak rate; null: 5e-4 for lora, 3e-4 for full
    batch: int | None  #: samples an optimizer step; null: 128 digits, or 16 pictures
    loss: Loss  #: huber or l2
    huber_c: float  #: below it the loss is square (h)
    ema: float  #: rate of the target's mean of weights, variant full, in [0, 1)
    w_min: float  #: least guidance distilled, w of the paper: guidance_scale - 1
    w_max: float  #: most
    solver_steps: int  #: timesteps of the solver's grid, divides 1000 (N)
    eval_steps: list[int]  #: numbers of sampling steps that are evaluated
    pool: int  #: samples that a model without samples of its own draws to be distilled on
    lora: str | None  #: mode sample: file:PATH, or OWNER/NAME on the hub; null: the model's own
    prompt: str | list[str] | None  #: for models that take words
    labels: list[int] | None  #: for models that take labels; null: all, in turn
    steps: int  #: sampling steps: of mode sample, and of the grids
    guidance_scale: float  #: in sampling, as pipelines count: 1 is the condition alone
    images: int | None  #: samples drawn; null: 1000 digits, or 4 pictures
    save_every: int  #: iterations from one grid to the next; the last round or step has one
    gif: bool  #: make an animation of the grids
    c: float  #: transport: scattering ratio, in (0, 1)
    thickness: float  #: transport: of the slab, mean free paths
    cells: int  #: transport: of the slab
    order: int  #: transport: ordinates, even
    accelerate: bool  #: transport: correct every sweep by diffusion
    tol: float  #: transport: relative change at which it has converged

    def check(self) -> Iterator[ConfigError]:
        for name, least in AT_LEAST.items():
            if (value := getattr(self, name)) is not None and not value >= least:
                yield outside(name, value, f"at least {least}", least)
        for name in ABOVE_0:
            if (value := getattr(self, name)) is not None and not 0 < value < math.inf:
                yield outside(name, value, "above 0", 1)
        if not 0 <= self.ema < 1:
            yield outside("ema", self.ema, "from 0 to below 1", 0.95)
        if not 0 < self.c < 1:
            yield outside("c", self.c, "between 0 and 1", 0.99)
        if 0 < self.tol < LEAST_TOL:
            yield outside("tol", self.tol, f"at least {LEAST_TOL:g}", 1e-6)
        if self.order < 2 or self.order % 2:
            yield outside("order", self.order, "even, at least 2", 8)
        yield from self._check_guidance()
        yield from self._check_steps()
        yield from self._check_mode()

    def start(self, run: Run) -> None:
        self.run = run
        if self.problem == "transport":
            run.refuse("schedule", "task.problem=transport trains nothing")
            slab = Slab(self.c, self.thickness, self.cells, self.order)
            self.work: Any = SourceIteration(
                run=run, slab=slab, cells=self.cells, accelerate=self.accelerate, tol=self.tol
            )
            return
        self._load_model()
        self.work = self._distillation() if self.mode == "distill" else self._sampling()

    def length(self) -> int | None:
        found: int | None = self.work.length()
        return found

    def baseline(self) -> Mapping[str, float] | None:
        found: Mapping[str, float] | None = self.work.baseline()
        return found

    def step(self, i: int) -> Mapping[str, float]:
        self.run.label(phase=self._phase)
        found: Mapping[str, float] = self.work.step(i)
        return found

    def state(self) -> dict[str, Any]:
        names = ("problem", "mode", *SETTLED[self._phase])
        return {"settled": settled(self, names), "work": self.work.state()}

    def restore(self, state: dict[str, Any]) -> None:
        refuse_changes(self, state["settled"])
        self.work.restore(state["work"])

    def result(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.work.result()
        return found

    @property
    def _phase(self) -> str:
        return self.problem if self.problem == "transport" else str(self.mode)

    # Faults that the parameters show.

    def _check_guidance(self) -> Iterator[ConfigError]:
        if not self.w_min <= self.w_max < math.inf:
            yield ConfigError(
                f"task.w_max={self.w_max:g} is below task.w_min={self.w_min:g}, or no number",
                hint="as in task.w_min=5 task.w_max=15; 0 and 0 distill without guidance",
            )
        if not self.guidance_scale < math.inf:
            yield outside("guidance_scale", self.guidance_scale, "at least 1", 1)

    def _check_steps(self) -> Iterator[ConfigError]:
        if self.solver_steps < 1 or T % self.solver_steps:
            yield outside("solver_steps", self.solver_steps, f"a divisor of {T}", 50)
            return
        few = f"from 1 to task.solver_steps={self.solver_steps}"
        if not 1 <= self.steps <= self.solver_steps:
            yield outside("steps", self.steps, few, 4)
        bad = [n for n in self.eval_steps if not 1 <= n <= self.solver_steps]
        if bad or not self.eval_steps or len(set(self.eval_steps)) < len(self.eval_steps):
            yield outside("eval_steps", self.eval_steps, f"different numbers {few}", "[1,2,4,8]")

    def _check_mode(self) -> Iterator[ConfigError]:
        if self.mode == "distill" and self.lora is not None:
            yield ConfigError(
                f"task.lora={self.lora} is of task.mode=sample, and the line says distill",
                hint="leave task.lora or task.mode away",
            )
        if self.labels is not None and (not self.labels or min(self.labels) < 0):
            yield outside("labels", self.labels, "numbers from 0", "[3,8]")
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if prompts is not None and not (prompts and all(prompts)):
            yield outside("prompt", self.prompt, "words", "'a red fox'")

    # Model, judge, work.

    def _load_model(self) -> None:
        self.model = self.run.model(DiffusionModel)  # type: ignore[type-abstract]  # a protocol
        conditions.check(self.model, self.prompt, self.labels)
        self._resolve()
        w_max = self.w_max if self.mode == "distill" else 0
        conditions.check_guidance(
            self.model, guidance_scale=(self.guidance_scale, 1), w_max=(w_max, 0)
        )
        self.model.prepare(self.run.progress)
        prompts = PROMPT if self.prompt is None else self.prompt
        assert self.images is not None
        self.chosen = conditions.conditions(self.model, prompts, self.labels, self.images)
        self.quality = self._judge()

    def _resolve(self) -> None:
        """What null parameters become with this model."""
        words = isinstance(self.model, WordConditioned)
        if self.mode is None:
            self.mode = "sample" if words or self.lora is not None else "distill"
        is_digits = isinstance(self.model, SelfTaught)
        if self.images is None:
            self.images = DIGITS if is_digits else PICTURES
        if self.batch is None:
            self.batch = BATCH_DIGITS if is_digits else BATCH_PICTURES
        if self.lr is None:
            self.lr = 5e-4 if self.variant == "lora" else 3e-4
        self.run.resolve(mode=self.mode, images=self.images)
        if words:
            self.run.resolve(prompt=PROMPT if self.prompt is None else self.prompt)
        if self.mode == "sample":
            self.run.refuse("schedule", "task.mode=sample trains nothing")
            self.lora = ready_adapter.chosen(self.model, self.lora)
            self.run.resolve(lora=self.lora)
        else:
            self.run.resolve(lr=self.lr, batch=self.batch)
            self._check_variant()

    def _check_variant(self) -> None:
        if self.variant == "full" and not isinstance(self.model, SelfTaught):
            raise ConfigError(
                f"task.variant=full: of model={self.model.name} only adapters are distilled",
                hint="task.variant=lora; or task.variant=full model=digits-diffusion",
            )

    def _judge(self) -> Quality | None:
        """Of samples of a model that brings a judge."""
        if not isinstance(self.model, SelfTaught):
            return None
        judge = self.run.model(SampleJudge)  # type: ignore[type-abstract]  # a protocol
        judge.prepare(self.run.progress)
        return Quality(judge, self.model.training_samples()[0])

    def _album(self) -> Album:
        return Album(self.run, every=self.save_every, gif=self.gif)

    def _distillation(self) -> DistillationRounds:
        names = {field.name for field in fields(Distillation)} - {"n_steps"}
        recipe = Distillation(
            n_steps=self.rounds * self.steps_per_round, **{n: getattr(self, n) for n in names}
        )
        return DistillationRounds(
            run=self.run,
            distiller=Distiller(
                self.model,
                recipe,
                self.run.generator("adapters", 0),
                self.run.schedule(recipe.n_steps),
            ),
            quality=self.quality,
            labels=self.chosen,
            eval_steps=self.eval_steps,
            grid_steps=self.steps,
            rounds=self.rounds,
            steps_per_round=self.steps_per_round,
            w=self.guidance_scale - 1,
            n_own=0 if isinstance(self.model, SelfTaught) else self.pool,
            album=self._album(),
        )

    def _sampling(self) -> AdaptedSampling:
        assert self.lora is not None
        ready_adapter.put_on(self.model, self.lora)
        return AdaptedSampling(
            run=self.run,
            model=self.model,
            quality=self.quality,
            labels=self.chosen,
            steps=self.steps,
            solver_steps=self.solver_steps,
            w=self.guidance_scale - 1,
            album=self._album(),
        )

"""Inverse problems with a diffusion prior: Krylov steps around the denoised estimate.

Paper: Decomposed Diffusion Sampler for Accelerating Large-Scale Inverse Problems
(arXiv 2303.05754).

    x̂   = (z - sqrt(1 - ᾱ) ε) / sqrt(ᾱ)                                     (Tweedie estimate)
    x'  = CG steps from x̂ on  (I + γ AᴴA) x = x̂ + γ Aᴴy                     (with noise)
                              AᴴA x = Aᴴy                                   (σ_y = 0)
    z   = sqrt(ᾱ') x' + sqrt(1 - ᾱ') (η n + sqrt(1 - η²) ε)

y = A x + σ_y n of held-out pictures x, (n, channels, height, width) in [-1, 1]. One step is one
call of the denoiser and one CG solve; the last ends on x'. Iteration 0 reconstructs without the
system: pseudo-inverse, total variation, DPS, one gradient step in CG's place. `nfe` counts the
calls that each picture has had.

Departures: every picture has CG scalars of its own, of Hermitian products; complex pictures are
solved as pairs of real ones, which gives the same iterates; the pseudo-inverse stops at the noise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from iterun.core.procedure import Procedure
from iterun.core.run import Run
from iterun.errors import ConfigError, misset, too_small
from iterun.models.clock import clock
from iterun.models.pixels import pixels
from iterun.models.rivals import Found, Rivals, best_weight, to_draw
from iterun.models.settled import refuse_changes, refuse_other_data, settled
from iterun.ops import pictures, restoration
from iterun.ops.diffusion import gaussian
from iterun.ops.operators import moved
from iterun.ops.problems import Name, Problem, Sampling
from iterun.ops.quality import means
from iterun.ops.solvers import Solved
from iterun.types import DiffusionModel, ImageDataset, SampleJudge

SHOWN = 8  # pictures in a grid
#: what was measured, where z is on its way, and what iteration 0 has done for good
SETTLED = (
    *(field.name for field in fields(Problem)),
    "sigma_y", "images", "steps", "baselines", "dps_steps", "dps_scale", "tv_weight",
)  # fmt: skip


@dataclass(kw_only=True)
class Dds(Procedure):
    """Decomposed diffusion sampling."""

    threads: ClassVar = 1
    model_kind: ClassVar = "diffusion"
    data_kind: ClassVar = "pictures"

    problem: Name  #: what is measured: cs, inpaint, superres, deblur, mri or ct
    measurements: int  #: cs, inpaint: numbers measured of each channel
    factor: int  #: superres: pixels a side of the squares averaged
    blur: float  #: deblur: standard deviation of the Gaussian, pixels
    sampling: Sampling  #: mri: columns, random or radial
    acceleration: float  #: mri: one of so many frequencies is sampled, >= 1
    coils: int  #: mri: receivers
    angles: int  #: ct: directions over half a turn
    sigma_y: float  #: standard deviation of the noise in a measurement; 0: none
    gamma: float  #: weight of the measurements against the estimate (γ); unused with sigma_y=0
    cg_iters: int  #: CG steps a step, at most
    eta: float  #: share of fresh noise, in [0, 1] (η)
    steps: int  #: reverse steps, one call of the denoiser each
    images: int  #: how many held-out pictures
    baselines: list[Literal["tv", "dps", "gd"]]  #: beside the pseudo-inverse
    dps_steps: int  #: of psnr_dps; DPS is also run with `steps`
    dps_scale: float  #: DPS's step along the gradient (λ)
    tv_weight: float | None  #: of total variation; null: the best of seven on dev pictures
    save_every: int  #: iterations between two grids
    gif: bool  #: whether the grids become an animation too

    def check(self) -> Iterator[ConfigError]:
        yield from self._problem().check()
        for name in ("steps", "dps_steps"):
            if not 1 <= getattr(self, name) <= 1000:
                yield misset(
                    name, getattr(self, name), "is not between 1 and 1000", f"as in task.{name}=50"
                )
        yield from too_small(vars(self), {"cg_iters": 1, "images": 1, "save_every": 1})
        for name in ("gamma", "dps_scale", "tv_weight"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                yield misset(
                    name, getattr(self, name), "is not a number above 0", f"as in task.{name}=1.0"
                )
        if not 0 <= self.eta <= 1:
            yield misset("eta", self.eta, "is not between 0 and 1", "as in task.eta=0.85")
        if not 0 <= self.sigma_y < float("inf"):
            yield misset(
                "sigma_y",
                self.sigma_y,
                "is no standard deviation",
                "as in task.sigma_y=0.02; 0: no noise",
            )

    def start(self, run: Run) -> None:
        self.run = run
        self.data: ImageDataset = run.data()
        data = self.data
        model = run.model(DiffusionModel)  # type: ignore[type-abstract]  # a protocol
        self.pixels, numbers = pixels(model, data), self._numbers(data)
        drawn = self._problem().build(data.shape, run.generator("operator", 0))
        model.prepare(run.progress)  # what can be refused has been
        self.prior = self.pixels.prior(self.steps)
        self.operator = moved(drawn, run.device)
        images, classes = data.test.batch(numbers)
        self.truth, self.classes = images.to(run.device), classes.to(run.device)
        self.known = restoration.measure(
            self.operator, self.truth, self.sigma_y, run.generator("noise", 0)
        )
        self.judge = None
        if data.n_classes == model.n_labels > 1:
            self.judge = run.model(SampleJudge)  # type: ignore[type-abstract]  # a protocol
            self.judge.prepare(run.progress)
        self.z = self.truth  # until `baseline`
        self.weight = self.tv_weight  # of total variation, chosen in `baseline`
        self.arms: dict[str, float] = {}
        self.rows: list[Tensor] = []  # the arms' pictures, above the estimate in every grid
        self.kept: dict[int, Tensor] = {}  # the estimates that were shown, by iteration
        self.curves: dict[str, list[float]] = {"DDS": []}  # PSNR after 1, 2 ... calls

    def length(self) -> int:
        return self.steps

    def baseline(self) -> Mapping[str, float]:
        draw = self.run.generator
        self.z = gaussian(self.truth.shape, draw("start", 0), self.run.device)
        rivals = Rivals(self.known, self.truth, self.pixels, self.run.progress)
        self._take("pinv", rivals.pinv())
        if "tv" in self.baselines:
            noise, run = draw("dev", 0), self.run
            self.weight = self.tv_weight or best_weight(
                self.operator, self.data.dev, self.sigma_y, noise, run.device, run.progress
            )
            self.run.label(tv_weight=f"{self.weight:g}")
            self._take("tv", rivals.tv(self.weight))
        if "dps" in self.baselines:
            for n in sorted({self.steps, self.dps_steps}):
                found = rivals.dps(n, self.dps_scale, self.z, draw("dps", n))
                self._take("dps" if n == self.dps_steps else f"dps@{n}", found)
        if "gd" in self.baselines:
            found = rivals.gd(self.steps, self.gamma, self.eta, self.z, draw("gd", 0))
            self._take("gd", found)
        return self.arms

    @torch.no_grad()
    def step(self, i: int) -> Mapping[str, float]:
        since, solved = clock(self.z), []

        def correct(x: Tensor) -> Tensor:
            solved.append(restoration.consistent(self.known, x, self.gamma, self.cg_iters))
            return solved[0].x

        x, self.z = restoration.dds_step(
            self.prior, i - 1, self.z, correct, self.eta, self.run.generator("sampler")
        )
        self.run.cost(time_dds=clock(self.z) - since)
        metrics = {**means(x, self.truth), **self._fit(x, solved[0]), "nfe": i}
        self.curves["DDS"].append(metrics["psnr"])
        if i in (1, self.steps) or i % self.save_every == 0:
            self.kept[i] = x[:SHOWN].clone()
            self.run.save_image("grid.png", self._grid(x[:SHOWN]), at=i)
        return metrics

    def state(self) -> dict[str, Any]:
        names = ("z", "weight", "arms", "rows", "kept", "curves")
        made_with = {"settled": settled(self, SETTLED), "data": self.data.fingerprint}
        return {name: getattr(self, name) for name in names} | made_with

    def restore(self, state: dict[str, Any]) -> None:
        refuse_changes(self, state.pop("settled"))
        refuse_other_data(self.data, state.pop("data"), "other pictures")
        for name, value in state.items():
            setattr(self, name, value)
        self.z = self.z.to(self.run.device)

    def result(self) -> Mapping[str, Any]:
        run, shown = self.run, list(self.kept.values())
        if shown:
            names = [*map(str, self.kept), "truth"]
            run.save_image("steps.png", self._sheet([*shown, self.truth[:SHOWN]], names))
        if shown and self.gif:
            frames = [self._grid(x) for x in shown]
            run.save_file("steps.gif", lambda path: pictures.write_gif(path, frames))
        run.save_image("quality.png", self._curve())
        weight = {"tv_weight": self.weight} if "psnr_tv" in self.arms else {}
        return {**self.arms, **weight}

    # Settings and data.

    def _problem(self) -> Problem:
        return Problem(**{field.name: getattr(self, field.name) for field in fields(Problem)})

    def _numbers(self, data: ImageDataset) -> Tensor:
        """Of the test pictures."""
        if self.images > len(data.test):
            raise ConfigError(
                f"task.images={self.images}: data={data.name} has {len(data.test)} to test on",
                hint=f"at most task.images={len(data.test)}",
            )
        return torch.arange(self.images)

    # What iteration 0 does.

    def _take(self, arm: str, found: Found) -> None:
        """Note what another method found."""
        self.arms |= means(found.x, self.truth, f"_{arm}")
        self.rows.append(found.x[:SHOWN].clone())
        if found.curve:
            self.curves[arm] = found.curve
        self.run.cost(**{f"time_{arm}": found.seconds})

    # Measures and pictures.

    def _fit(self, x: Tensor, solved: Solved) -> dict[str, float]:
        """How far x is from what was measured, how CG went, and what the judge sees."""
        off = (self.operator.forward(x) - self.known.y).abs().square().flatten(1).sum(1).sqrt()
        metrics = {
            "data_residual": float(off.mean()),
            "cg_residual_start": float(solved.start.mean()),
            "cg_residual_end": float(solved.end.mean()),
            "cg_steps": float(solved.steps.double().mean()),
        }
        if self.judge is not None:
            seen = self.judge.logits(x.reshape(len(x), *self.pixels.model.shape)).argmax(1)
            metrics["class_acc"] = float((seen == self.classes).double().mean())
        return metrics

    def _grid(self, x: Tensor) -> Any:
        """Rows of truth, the other methods and x; a column a picture."""
        arms = [name.removeprefix("psnr_") for name in self.arms if name.startswith("psnr_")]
        return self._sheet([self.truth[:SHOWN], *self.rows, x], ["truth", *arms, "DDS"])

    def _sheet(self, rows: list[Tensor], captions: list[str]) -> Any:
        magnify = max(1, min(6, 96 // self.truth.shape[-1]))
        return pictures.contact_sheet([_bright(x) for x in rows], captions, magnify=magnify)

    def _curve(self) -> Any:
        levels = {
            arm: self.arms[f"psnr_{arm}"] for arm in ("pinv", "tv") if f"psnr_{arm}" in self.arms
        }
        series = {name: to_draw(values) for name, values in self.curves.items()}
        return pictures.quality_curve(
            series, x="function evaluations a picture", y="PSNR, dB", levels=levels
        )


def _bright(x: Tensor) -> Tensor:
    """Pictures in [0, 1]; of complex ones the magnitude of what their two parts hold."""
    if x.shape[1] == 2:
        return x.square().sum(1, keepdim=True).sqrt().clamp(0, 1)
    return ((x + 1) / 2).clamp(0, 1)

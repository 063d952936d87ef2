"""Sampling in few steps with a ready adapter, one step an iteration; beside it, without one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from iterun.models import adapters, album
from iterun.models.sample_quality import finite
from iterun.ops.consistency import lcm_step, sample_lcm, sampling_times
from iterun.ops.diffusion import gaussian, guided_eps, sample_ddim
from iterun.ops.pictures import quality_curve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from iterun.models.sample_quality import Quality
    from iterun.types import DiffusionModel, Ref

PICTURE = 64  # pixels: from this side on the samples are saved one by one too


class Keeper(album.Keeper, Protocol):
    """What sampling needs of a run."""

    def generator(self, name: str, *key: object) -> torch.Generator: ...
    def save_tensors(self, name: str, tensors: Mapping[str, Any], at: int | None = None) -> Ref: ...
    def cost(self, **numbers: float) -> None: ...


@dataclass(kw_only=True)
class AdaptedSampling:
    """The run's work in mode sample."""

    run: Keeper
    model: DiffusionModel  #: with its adapter
    quality: Quality | None
    labels: Tensor
    steps: int
    solver_steps: int
    w: float  #: guidance
    album: album.Album
    x: Tensor | None = None  #: the samples so far; None: not begun
    clean: Tensor | None = None  #: how they look from here
    curve: list[tuple[float, float]] = field(default_factory=list)
    controls: dict[str, float] = field(default_factory=dict)
    _pictures: Tensor | None = None  # of `clean`, once decoded: an autoencoder takes its time

    def length(self) -> int:
        return self.steps

    def baseline(self) -> None:
        return None

    @torch.no_grad()
    def step(self, i: int) -> dict[str, float]:
        model, labels, began = self.model, self.labels, time.perf_counter()
        draw, device = self.run.generator("sample"), self.model.alphas_bar.device
        shape = (len(labels), *model.shape)
        x = gaussian(shape, draw, device) if self.x is None else self.x
        t, t_next = self._times()[i - 1 : i + 1]
        assert t is not None
        eps = guided_eps(model, x, torch.full_like(labels, t), labels, self.w)
        noise = None if t_next is None else gaussian(shape, draw, device)
        self.x, self.clean = lcm_step(x, eps, t, t_next, model.alphas_bar, noise)
        finite(self.x, "the samples", i)
        self._pictures = None
        self.run.cost(images_per_s=len(labels) / (time.perf_counter() - began))
        return self._measures(i)

    def state(self) -> dict[str, Any]:
        return {
            "x": self.x,
            "clean": self.clean,
            "album": self.album.state(),
            "curve": self.curve,
            "controls": self.controls,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        device = self.model.alphas_bar.device
        self.x, self.clean = (
            None if state[key] is None else state[key].to(device) for key in ("x", "clean")
        )
        self.album.restore(state["album"])
        self.curve = [(n, fd) for n, fd in state["curve"]]
        self.controls = state["controls"]

    def result(self) -> dict[str, Any]:
        """Sheet, animation, curve, and the samples themselves."""
        self.album.finish()
        if self.curve:
            self.run.save_image("curve.png", self._curve())
        if self.clean is not None:
            self.run.save_tensors("samples.safetensors", {"x": self.clean, "label": self.labels})
            self._save_pictures()
        return {}

    def _curve(self) -> Any:
        """Quality by step, and that of as many steps without the adapter."""
        ends = {"without, DDIM": "fd_ddim", "without, same sampler": "fd_unadapted"}
        levels = {name: self.controls[key] for name, key in ends.items() if self.controls}
        series, label = {"with the adapter": self.curve}, "function evaluations"
        return quality_curve(series, x=label, y="Fréchet distance", log="y", levels=levels)

    def _decoded(self) -> Tensor:
        if self._pictures is None:
            assert self.clean is not None
            self._pictures = self.model.decode(self.clean)
        return self._pictures

    def _times(self) -> list[int | None]:
        T = len(self.model.alphas_bar)
        return [*sampling_times(self.steps, self.solver_steps, T), None]

    def _measures(self, i: int) -> dict[str, float]:
        assert self.clean is not None
        if self.album.is_due(i, self.steps):
            self.album.add(i, self._decoded())
        calls = i if self.w == 0 else 2 * i
        found: dict[str, float] = {"nfe": calls, "sample_std": float(self.clean.std())}
        if self.quality is None:
            return found
        fd, acc = self.quality.fd(self.clean), self.quality.acc(self.clean, self.labels)
        self.curve.append((calls, fd))
        found |= {"fd": fd, "acc": acc}
        if i == self.steps:  # whole: what a distillation calls so too
            found |= {f"fd@{i}": fd, f"acc@{i}": acc}
            self.controls = self._controls(self.quality)
        return found | self.controls

    def _controls(self, quality: Quality) -> dict[str, float]:
        """The same model without the adapter at as many steps: by DDIM, and by this sampler."""
        model, labels = self.model, self.labels
        draw = self.run.generator
        times = sampling_times(self.steps, self.solver_steps, len(model.alphas_bar))
        with adapters.off(model.module):
            ddim = sample_ddim(
                model, labels, steps=self.steps, guidance=self.w, generator=draw("ddim", 0)
            )
            same = sample_lcm(
                lambda x, t: guided_eps(model, x, t, labels, self.w),
                model.alphas_bar,
                (len(labels), *model.shape),
                times=times,
                generator=draw("unadapted", 0),
            )
        for x in (ddim, same):
            finite(x, "the samples without the adapter", self.steps)
        return {
            "fd_ddim": quality.fd(ddim),
            "acc_ddim": quality.acc(ddim, labels),
            "fd_unadapted": quality.fd(same),
            "acc_unadapted": quality.acc(same, labels),
            "fd_heldout": quality.fd_heldout,
        }

    def _save_pictures(self) -> None:
        pictures = self._decoded()
        if pictures.shape[2] >= PICTURE:
            for k, picture in enumerate(pictures):
                self.run.save_image(f"pictures/{k:03}.png", picture.permute(1, 2, 0))

"""Distilling a diffusion model into one that needs few steps: latent consistency (2310.04378).

    z   = sqrt(ᾱ_t) x + sqrt(1 - ᾱ_t) n,  t = t_n of the solver's grid, w ~ U[w_min, w_max]
    z'  = one DDIM step of the teacher with guidance w, from t to t' = max(t - T / N, 0)
    min   mean(sqrt((f(z, t) - f*(z', t'))² + h²) - h)         f* without gradient

Variant lora (2311.05556): f is the teacher with adapters on, f* is f itself. Variant full: f is a
copy of the teacher that is also told w, f* the mean of its weights over the last steps.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F

from iterun.errors import ConfigError
from iterun.models import adapters
from iterun.models.gradient_norms import GradientNorms
from iterun.ops.consistency import consistency, pseudo_huber, solver_times
from iterun.ops.diffusion import ddim_step, gaussian, guided_eps, noised
from iterun.types import WordConditioned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    from iterun.ops.lr_schedule import Schedule
    from iterun.types import DiffusionModel

Variant = Literal["lora", "full"]
Loss = Literal["huber", "l2"]
WARMUP = 20  # optimizer steps
CLIP = 1.0  # largest norm of the gradient


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """How a student is trained; fields are named as the task's parameters."""

    variant: Variant
    lora_rank: int
    lora_alpha: float
    lr: float  #: the peak
    batch: int
    loss: Loss
    huber_c: float  #: h
    ema: float  #: rate of f*'s mean (variant full)
    w_min: float
    w_max: float
    solver_steps: int  #: N
    n_steps: int  #: optimizer steps in all

    def multiplier(self, i: int) -> float:
        """Of the peak rate at step i = 0, 1, ...: linear rise, then linear to 0."""
        if i < WARMUP:
            return (i + 1) / WARMUP
        return (self.n_steps - i) / max(self.n_steps - WARMUP, 1)


class Distiller:
    """The student of one model and its training.

    Args:
        model: the teacher; variant lora puts adapters on its module.
        recipe: how it is trained.
        generator: draws the adapters' A.
        schedule: multipliers of the rate by step, instead of the recipe's own.
    """

    def __init__(
        self,
        model: DiffusionModel,
        recipe: Distillation,
        generator: torch.Generator,
        schedule: Schedule | None = None,
    ) -> None:
        self.teacher, self.recipe = model, recipe
        self.norms = GradientNorms(l1=True)
        self._multiplier = recipe.multiplier if schedule is None else schedule
        self.n_done = 0  #: optimizer steps
        self.calls = 0  #: of the network, a batch each
        self._target: Any = None
        if recipe.variant == "lora":
            self.student: Any = model
            rank, alpha = recipe.lora_rank, recipe.lora_alpha
            self.values: Mapping[str, nn.Parameter] = adapters.put_on(
                model.module, model.lora_targets, rank, alpha, generator
            )
        else:
            self.student = _copy(model)
            self.values = dict(self.student.module.requires_grad_().named_parameters())
            self._target = _copy(self.student)
        self._optimizer = torch.optim.AdamW(self.values.values(), lr=recipe.lr, fused=True)
        times = solver_times(recipe.solver_steps, len(model.alphas_bar))
        self._times = torch.tensor(times, device=model.alphas_bar.device)
        self._skip = times[0] + 1

    @property
    def n_trained(self) -> int:
        return sum(value.numel() for value in self.values.values())

    def step(self, x: Tensor, label: Tensor, draw: torch.Generator) -> float:
        """One optimizer step; the loss before it. If it isn't finite, nothing is changed.

        Args:
            x: clean samples, (batch, *shape).
            label: of each.
            draw: timesteps, noise and guidance, on the CPU.
        """
        abar, recipe, n = self.teacher.alphas_bar, self.recipe, len(x)
        t = self._times[torch.randint(len(self._times), (n,), generator=draw).to(x.device)]
        z = noised(x, abar[t], gaussian(tuple(x.shape), draw, x.device))
        w = recipe.w_min + (recipe.w_max - recipe.w_min) * torch.rand(n, generator=draw)
        w = w.to(x.device)
        goal = self._goal(z, t, label, w)
        ours = consistency(z, self.eps(z, t, label, w), t, abar[t])
        if recipe.loss == "huber":
            loss = pseudo_huber(ours, goal, recipe.huber_c)
        else:
            loss = F.mse_loss(ours, goal)
        self._optimizer.param_groups[0]["lr"] = recipe.lr * self._multiplier(self.n_done)
        self._optimizer.zero_grad(set_to_none=True)
        if torch.isfinite(loss):
            loss.backward()  # type: ignore[no-untyped-call]  # torch's
            self.norms.see(self.n_done, (value.grad for value in self.values.values()))
            torch.nn.utils.clip_grad_norm_(self.values.values(), CLIP)
            self._optimizer.step()
            self._follow()
        self.n_done += 1
        return float(loss.detach())

    def eps(self, z: Tensor, t: Tensor, label: Tensor, w: Tensor | None = None) -> Tensor:
        """The student's noise; `w` is what variant full is told."""
        self.calls += 1
        return self._noise(self.student, z, t, label, w)

    def untrained(self) -> AbstractContextManager[None]:
        """In here the teacher's module computes what it did before."""
        return adapters.off(self.teacher.module)

    def tensors(self) -> dict[str, Tensor]:
        """What training made: the adapters, or all weights of the student."""
        if self.recipe.variant == "lora":
            teacher: object = self.teacher
            found = adapters.tensors(self.teacher.module)
            return dict(teacher.adapter(found)) if isinstance(teacher, WordConditioned) else found
        return {name: value.detach() for name, value in self.values.items()}

    def state(self) -> dict[str, Any]:
        target = self._target
        return {
            "teacher": self.teacher.name,
            "n_done": self.n_done,
            "calls": self.calls,
            "values": {name: value.detach() for name, value in self.values.items()},
            "target": dict(target.module.state_dict()) if target is not None else None,
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        if state["teacher"] != self.teacher.name:
            raise ConfigError(
                f"model={self.teacher.name}: the state is of a student of {state['teacher']}",
                hint="leave model= as it was, or begin a new run",
            )
        shapes = {name: value.shape for name, value in state["values"].items()}
        if shapes != {name: value.shape for name, value in self.values.items()}:
            raise ConfigError(
                f"task.variant={self.recipe.variant} task.lora_rank={self.recipe.lora_rank}: the "
                "state is of other adapters",
                hint="leave both as they were, or begin a new run",
            )
        self.n_done, self.calls = state["n_done"], state["calls"]
        with torch.no_grad():
            for name, value in state["values"].items():
                self.values[name].copy_(value)
        if self._target is not None:
            self._target.module.load_state_dict(state["target"])
        self._optimizer.load_state_dict(state["optimizer"])

    @torch.no_grad()
    def _goal(self, z: Tensor, t: Tensor, label: Tensor, w: Tensor) -> Tensor:
        """f*(z', t'): where the teacher's next point leads."""
        abar = self.teacher.alphas_bar
        t_next = (t - self._skip).clamp(min=0)
        is_guided = self.recipe.w_max > 0
        with self.untrained():
            eps = guided_eps(self.teacher, z, t, label, w if is_guided else 0.0)
        z_next = ddim_step(z, eps, abar[t], abar[t_next])
        network = self.student if self._target is None else self._target
        self.calls += 3 if is_guided else 2
        ahead = self._noise(network, z_next, t_next, label, w)
        return consistency(z_next, ahead, t_next, abar[t_next])

    def _noise(self, network: Any, z: Tensor, t: Tensor, label: Tensor, w: Tensor | None) -> Tensor:
        if self.recipe.variant == "lora":
            noise: Tensor = network.eps(z, t, label)
        else:
            noise = network.eps(z, t, label, w_embed=w)
        return noise

    def _follow(self) -> None:
        if self._target is not None:
            with torch.no_grad():
                for name, value in self._target.module.named_parameters():
                    value.lerp_(self.values[name], 1 - self.recipe.ema)


def _copy(model: Any) -> Any:
    """The same model with weights of its own."""
    twin = copy.copy(model)
    twin.module = copy.deepcopy(model.module).requires_grad_(requires_grad=False)
    return twin

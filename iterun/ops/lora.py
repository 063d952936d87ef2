"""Low-rank adapters of pruned linear layers, in the four forms of PERP (arXiv 2312.15230).

With the frozen W (out, in), its mask M, factors B (out, r) and A (r, in), scale = α/r:

    lora        W + scale·BA                 merging fills the zeros
    lora_prune  W + scale·BA                 merged as W + scale·(BA)⊙M: the function changes
    scale_lora  W ⊙ (BA)                     BA starts as all ones; no scale
    mask_lora   W + scale·(BA)⊙M             in training and when merged

The last two need the dense product BA. It is made one matrix at a time in the forward pass and
again in the backward pass, so that nothing of a weight's size is saved in between. What such a
layer computes in training is, bit for bit, what it computes when merged: the sum is rounded to the
frozen weight's dtype. M is the stored mask, not W != 0: a kept weight that is exactly 0 stays
trainable.

With dropout, `lora` and `lora_prune` add scale·BA(drop(x)) in training. What is dropped is a
function of the adapter's `seed`, so that a forward pass done again drops the same.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from iterun.errors import ConfigError
from iterun.ops.masks import zero_pruned_

Form = Literal["lora", "lora_prune", "scale_lora", "mask_lora"]
FORMS: tuple[Form, ...] = ("lora", "lora_prune", "scale_lora", "mask_lora")


class LoraLinear(nn.Module):
    """A linear layer with an adapter; stands where the layer stood.

    The base's weight is frozen; its bias keeps its own `requires_grad`. Factors are float32 (or
    float64 beside a float64 base), on the base's device.

    Args:
        base: the pruned layer.
        mask: True or 1 = kept, shaped like its weight; None: nothing is pruned.
        form: one of `FORMS`.
        r: rank, >= 1.
        alpha: α; the adapter's scale is α/r (`scale_lora` has none).
        generator: draws A (Kaiming-uniform; B is zero), on its own device; unused by `scale_lora`.
        dropout: share of the adapter's inputs dropped while `seed` is set, in [0, 1); 0 in forms
            with a dense product.

    Raises:
        ConfigError: r < 1 or an unknown form.
    """

    mask: Tensor | None
    seed: int | None = None  #: of the dropout; None: nothing is dropped, as in evaluation

    def __init__(
        self,
        base: nn.Linear,
        mask: Tensor | None,
        form: Form = "mask_lora",
        r: int = 16,
        alpha: float = 32,
        *,
        generator: torch.Generator,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(form, r)
        assert not dropout or form in ("lora", "lora_prune")
        self.base, self.form, self.scale, self.dropout = base, form, alpha / r, dropout
        base.weight.requires_grad_(False)
        self.register_buffer("mask", None if mask is None else mask.bool(), persistent=False)
        A, B = _initial(base, form, r, generator)
        self.A = nn.Parameter(A)  #: (r, in)
        self.B = nn.Parameter(B)  #: (out, r)

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out), in the dtype of x."""
        if self.form in ("lora", "lora_prune"):
            low = F.linear(F.linear(self._dropped(x.to(self.A.dtype)), self.A), self.B)
            return F.linear(x, self.base.weight, self._bias(x)) + (self.scale * low).to(x.dtype)
        args = (self.base.weight, self.mask, self.A, self.B, self._bias(x), self._scale())
        y: Tensor = _DenseProduct.apply(x, *args)  # type: ignore[no-untyped-call]
        return y

    def merged_weight(self) -> Tensor:
        """The weight with the adapter in it, a new tensor; zeros stay, but not with plain `lora`.

        `lora` without a mask is an ordinary merge, as of a head that isn't pruned.
        """
        with torch.no_grad():
            if self.form == "lora":
                return effective_weight(self.base.weight, None, self.A, self.B, self.scale)
            weight = effective_weight(self.base.weight, self.mask, self.A, self.B, self._scale())
            return weight if self.mask is None else zero_pruned_(weight, self.mask)

    def merge(self) -> nn.Linear:
        """Write the merged weight into the base layer and return that; the adapter is spent."""
        with torch.no_grad():
            self.base.weight.copy_(self.merged_weight())
        return self.base

    def extra_repr(self) -> str:
        return f"form={self.form}, r={len(self.A)}"

    def _dropped(self, x: Tensor) -> Tensor:
        if self.seed is None or not self.dropout:
            return x
        draw = torch.Generator(x.device).manual_seed(self.seed)
        chance = torch.rand(x.shape, generator=draw, device=x.device)
        return x * (chance >= self.dropout) / (1 - self.dropout)

    def _scale(self) -> float | None:
        return None if self.form == "scale_lora" else self.scale

    def _bias(self, x: Tensor) -> Tensor | None:
        if self.base.bias is None:
            return None  # type: ignore[unreachable]  # torch's stubs don't know bias=False
        return self.base.bias.to(x.dtype)  # may be trained in float32 beside a half weight


def attach(
    block: nn.Module,
    masks: Mapping[str, Tensor | None],
    form: Form = "mask_lora",
    r: int = 16,
    alpha: float = 32,
    *,
    generator: torch.Generator,
    dropout: float = 0.0,
) -> dict[str, LoraLinear]:
    """Put an adapter in the place of each named linear layer.

    Args:
        block: a module with the layers inside, at any depth.
        masks: by layer name within `block`, in the order in which A's are drawn.
        form: one of `FORMS`.
        r: rank.
        alpha: α.
        generator: draws the A's, one after another.
        dropout: of every adapter.
    """
    adapters = {}
    for name, mask in masks.items():
        base = block.get_submodule(name)
        assert isinstance(base, nn.Linear), f"{name} is a {type(base).__name__}"
        adapters[name] = LoraLinear(
            base, mask, form, r, alpha, generator=generator, dropout=dropout
        )
        _replace(block, name, adapters[name])
    return adapters


def detach(block: nn.Module, *, merge: bool) -> None:
    """Put every layer that `attach` took back in its place, with the adapter merged or dropped."""
    for name, module in list(block.named_modules()):
        if isinstance(module, LoraLinear):
            _replace(block, name, module.merge() if merge else module.base)


def effective_weight(
    weight: Tensor, mask: Tensor | None, A: Tensor, B: Tensor, scale: float | None
) -> Tensor:
    """W + scale·(BA)⊙M, or W⊙(BA) if scale is None; summed in A's dtype, given in W's."""
    product = B @ A
    if scale is None:
        return product.mul_(weight).to(weight.dtype)
    product.mul_(scale)
    if mask is not None:
        product.mul_(mask)
    return product.add_(weight).to(weight.dtype)


class _DenseProduct(torch.autograd.Function):
    """y = x · effective_weight(W, M, A, B)ᵀ + b, with the effective weight made twice, never saved.

    With G = gᵀx, the gradient of the effective weight: D = G ⊙ W or scale·G ⊙ M, ∂B = D Aᵀ,
    ∂A = Bᵀ D, and ∂x = g · (effective weight).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        mask: Tensor | None,
        A: Tensor,
        B: Tensor,
        bias: Tensor | None,
        scale: float | None,
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mask, A, B)
        ctx.scale = scale
        return F.linear(x, effective_weight(weight, mask, A, B, scale).to(x.dtype), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, mask, A, B = ctx.saved_tensors
        needs_x, _, _, needs_A, needs_B, needs_bias, _ = ctx.needs_input_grad
        grad_x = grad_A = grad_B = grad_bias = None
        if needs_x:
            grad_x = g @ effective_weight(weight, mask, A, B, ctx.scale).to(g.dtype)
        flat = g.reshape(-1, g.shape[-1])
        if needs_A or needs_B:
            D = (flat.T @ x.reshape(-1, x.shape[-1])).to(A.dtype)
            if ctx.scale is None:
                D.mul_(weight)
            else:
                D.mul_(ctx.scale)
                if mask is not None:
                    D.mul_(mask)
            grad_A, grad_B = B.T @ D, D @ A.T
        if needs_bias:
            grad_bias = flat.sum(dim=0)
        return grad_x, None, None, grad_A, grad_B, grad_bias, None


def _initial(
    base: nn.Linear, form: Form, r: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A (r, in) and B (out, r) before training."""
    device, dtype = base.weight.device, torch.promote_types(base.weight.dtype, torch.float32)
    if form == "scale_lora":
        fill = 1 / math.sqrt(r)
        return (
            torch.full((r, base.in_features), fill, device=device, dtype=dtype),
            torch.full((base.out_features, r), fill, device=device, dtype=dtype),
        )
    # Kaiming-uniform with slope √5, as LoRA's own code draws it: uniform in ±1/√in.
    A = torch.empty(r, base.in_features, device=generator.device)
    A.uniform_(-1, 1, generator=generator).div_(math.sqrt(base.in_features))
    B = torch.zeros(base.out_features, r, device=device, dtype=dtype)
    return A.to(device=device, dtype=dtype), B


def _check(form: str, r: int) -> None:
    if form not in FORMS:
        raise ConfigError(
            f"task.lora_type={form} is unknown", hint=f"choose one of {', '.join(FORMS)}"
        )
    if r < 1:
        raise ConfigError(f"task.lora_r={r} is no rank", hint="try task.lora_r=16")


def _replace(block: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(block.get_submodule(parent), last, module)

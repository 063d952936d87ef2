"""Iterative solvers on batches of pictures: conjugate gradients, least squares, total variation.

A picture is one system: it has step sizes of its own and stops by itself, whatever its neighbours
do. Vectors are (n, ...), real or complex; |·| is over all but the first axis.

    conjugate_gradients   H x = b, H Hermitian, H >= 0    p <- r + (r'ᴴr' / rᴴr) p
    least_squares         min |x| among min |Ax - y|, stopped at the noise (CGLS from 0)
    total_variation       min ½|Ax - y|² + w Σ |∇x|       (primal-dual, Chambolle and Pock)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

LEAST_SQUARES_STEPS = 200
TOTAL_VARIATION_STEPS = 300


class Linear(Protocol):
    """A linear map and its adjoint: Re ⟨Ax, y⟩ = Re ⟨x, Aᴴy⟩."""

    def forward(self, x: Tensor) -> Tensor: ...
    def adjoint(self, y: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Solved:
    """A batch of solutions; the others are one number a picture, (n,)."""

    x: Tensor
    start: Tensor  #: |b - H x₀|
    end: Tensor  #: |b - H x| as the recursion has it
    steps: Tensor  #: int64


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor], b: Tensor, x0: Tensor, steps: int, tolerance: float = 0.0
) -> Solved:
    """At most `steps` steps from x0, for each picture until |b - H x| < tolerance.

    Args:
        apply: H on a batch; Hermitian, and positive where it is not 0.
        b: (n, ...).
        x0: (n, ...).
        steps: at most so many.
        tolerance: absolute, in |b - H x|.
    """
    x, r = x0, b - apply(x0)
    p = r
    square = first = _square(r)
    done = torch.zeros(len(b), dtype=torch.int64, device=b.device)
    for _ in range(steps):
        going = (square > tolerance**2) & (square > 0)
        if not going.any():
            break
        applied = apply(p)
        curvature = _dot(p, applied)
        going &= curvature > 0
        alpha = _ratio(square, curvature, going)
        x = x + _spread(alpha, p) * p
        r = r - _spread(alpha, p) * applied
        new = torch.where(going, _square(r), square)
        p = r + _spread(_ratio(new, square, going), p) * p
        square, done = new, done + going
    return Solved(x, first.sqrt(), square.sqrt(), done)


def least_squares(
    operator: Linear,
    y: Tensor,
    noise: float = 0.0,
    steps: Iterable[int] = range(LEAST_SQUARES_STEPS),
    relative: float = 1e-5,
) -> Tensor:
    """The pseudo-inverse's solution, as far as the noise lets it go.

    Args:
        operator: A.
        y: (n, ...).
        noise: standard deviation of an entry of y; a picture stops where |Ax - y| is that of the
            noise (Morozov's rule), before it fits what is none of the picture's.
        steps: at most these.
        relative: a picture also stops where |Aᴴ(Ax - y)| is this share of |Aᴴy|.
    """
    entries = y[0].numel()
    r, s = y, operator.adjoint(y)
    x, p = torch.zeros_like(s), s
    square = first = _square(s)
    for _ in steps:
        going = (_square(r) > entries * noise**2) & (square > relative**2 * first) & (square > 0)
        if not going.any():
            break
        applied = operator.forward(p)
        alpha = _ratio(square, _square(applied), going)
        x = x + _spread(alpha, p) * p
        r = r - _spread(alpha, r) * applied
        s = operator.adjoint(r)
        new = torch.where(going, _square(s), square)
        p = s + _spread(_ratio(new, square, going), p) * p
        square = new
    return x


def total_variation(
    operator: Linear,
    y: Tensor,
    x0: Tensor,
    weight: float,
    steps: Iterable[int] = range(TOTAL_VARIATION_STEPS),
) -> Tensor:
    """The picture of least ½|Ax - y|² + weight · TV(x), TV isotropic.

    Args:
        operator: A.
        y: (n, ...).
        x0: where to begin, (n, channels, height, width).
        weight: of the variation; > 0.
        steps: of the primal-dual iteration.
    """
    # |(A, ∇)|² <= |A|² + 8, the second being forward differences in the plane.
    size = 0.99 / (largest_square(operator, x0[:1]) + 8) ** 0.5
    x = ahead = x0
    u = torch.zeros_like(y)
    v = torch.zeros_like(x0).unsqueeze(0).repeat(2, *(1 for _ in x0.shape))
    for _ in steps:
        u = (u + size * (operator.forward(ahead) - y)) / (1 + size)
        v = v + size * gradient(ahead)
        v = v / (v.square().sum(0).sqrt() / weight).clamp_min(1)
        new = x - size * (operator.adjoint(u) + gradient_adjoint(v))
        x, ahead = new, 2 * new - x
    return x


def gradient(x: Tensor) -> Tensor:
    """Forward differences down and across, 0 at the border; (2, *x.shape)."""
    down, across = torch.zeros_like(x), torch.zeros_like(x)
    down[..., :-1, :] = x[..., 1:, :] - x[..., :-1, :]
    across[..., :-1] = x[..., 1:] - x[..., :-1]
    return torch.stack([down, across])


def gradient_adjoint(v: Tensor) -> Tensor:
    """The adjoint of `gradient`: minus the divergence."""
    down, across = v[0, ..., :-1, :], v[1, ..., :-1]
    x = torch.zeros_like(v[0])
    x[..., 1:, :] += down
    x[..., :-1, :] -= down
    x[..., 1:] += across
    x[..., :-1] -= across
    return x


def largest_square(operator: Linear, like: Tensor, steps: int = 50) -> float:
    """|A|², by the power method from a fixed start; from below, within a per cent or so."""
    count = torch.arange(1, like.numel() + 1, device=like.device, dtype=like.real.dtype)
    x = (count * 0.7548776662466927 % 1 + 0.1).reshape(like.shape).to(like.dtype)
    found = 0.0
    for _ in range(steps):
        x = x / _square(x).sum().sqrt()
        x = operator.adjoint(operator.forward(x))
        found = float(_square(x).sum().sqrt())
    return found


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Re aᴴb of every picture."""
    product = a.conj() * b if a.is_complex() else a * b
    return product.real.flatten(1).sum(1)


def _square(a: Tensor) -> Tensor:
    return _dot(a, a)


def _ratio(a: Tensor, b: Tensor, going: Tensor) -> Tensor:
    """The quotient where the picture goes on, else 0: it stays as it is."""
    return torch.where(going, a, 0) / torch.where(going, b, 1)


def _spread(scalar: Tensor, like: Tensor) -> Tensor:
    return scalar.reshape(-1, *(1 for _ in like.shape[1:]))

"""SparseGPT: prune a matrix column by column, each error spread over the columns after it.

Paper: SparseGPT (arXiv 2301.00774), algorithm 1. For one matrix W (rows = outputs) and
H = 2/sequences · Σ x xᵀ of its inputs, with U the upper Cholesky factor of H⁻¹:

    score_ij = W_ij² / U_jj²                             (of the current W)
    e = (W_:j - q_:j) / U_jj                             (q: W where kept, 0 where pruned)
    W_:,j+1.. -= e U_j,j+1..

Unstructured masks are chosen once for each block of columns, all rows together, N:M masks at the
first column of each group. All linear algebra is float32 without TF32.

The matrix is worked on transposed, so that a column is contiguous. Inside a block, updates go strip
by strip: rank one within 16 columns, one product for all earlier strips; the sums are the paper's,
in another order.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from iterun.errors import ConfigError, IterunError
from iterun.ops.masks import Pattern, as_value, kth_smallest, n_pruned, ranks

_RETRIES = 3
_STRIP = 16


class HessianSum:
    """H = 2/sequences · Σ x xᵀ of one linear layer's inputs, summed up in float32.

    Args:
        features: inputs of the layer.
        device: where the sum lives; None: torch's default.
    """

    def __init__(self, features: int, device: torch.device | str | None = None) -> None:
        self.n_sequences = 0
        self._sum = torch.zeros(features, features, dtype=torch.float32, device=device)

    def add(self, x: Tensor, *, n_sequences: int | None = None) -> None:
        """Take in the inputs of some sequences.

        Args:
            x: (batch, tokens, features), or (tokens, features).
            n_sequences: how many sequences these are; None: batch, or one.
        """
        default = len(x) if x.dim() > 2 else 1
        self.n_sequences += default if n_sequences is None else n_sequences
        with torch.no_grad(), full_float32():
            for rows in torch.split(x.detach().reshape(-1, x.shape[-1]), 4096):
                rows = rows.to(self._sum)
                self._sum.addmm_(rows.T, rows)

    def hessian(self) -> Tensor:
        """H; (features, features), float32, a new tensor."""
        return self._sum * (2 / max(self.n_sequences, 1))


@dataclass(frozen=True)
class InverseFactor:
    """What the column loop needs of H; shared by matrices with the same inputs (q, k, v)."""

    upper: Tensor  #: U, upper Cholesky factor of the damped H⁻¹; (columns, columns), float32
    dead: Tensor  #: inputs that were always 0; (columns,), bool


def inverse_factor(H: Tensor, *, percdamp: float = 0.01, name: str = "matrix") -> InverseFactor:
    """Steps 1 to 3: dead inputs, damping by percdamp · mean(diag H), Cholesky factor of H⁻¹.

    If a factorisation fails, the damping grows tenfold, up to three times. Two copies of H are
    alive at most beside the caller's, which is left as it was.

    Raises:
        IterunError: H cannot be factorised with any of the four dampings.
    """
    diagonal = H.diagonal().float().clone()
    dead = diagonal == 0
    diagonal[dead] = 1
    damp = percdamp * float(diagonal.mean())
    for attempt in range(_RETRIES + 1):
        upper = _factor(H, diagonal + damp * 10**attempt)
        if upper is not None:
            return InverseFactor(upper, dead)
    raise IterunError(
        f"SparseGPT cannot factorise the Hessian of {name}, even at percdamp="
        f"{percdamp * 10**_RETRIES:g}",
        hint=f"raise task.percdamp={percdamp:g} or task.n_calibration",
    )


def sparsegpt(
    weight: Tensor,
    H: Tensor | InverseFactor,
    *,
    sparsity: float | None = None,
    pattern: Pattern | None = None,
    percdamp: float = 0.01,
    blocksize: int = 128,
    name: str = "matrix",
) -> tuple[Tensor, Tensor]:
    """Prune one matrix and mend what is kept.

    Args:
        weight: (rows, columns), rows = outputs; any float dtype, left as it was.
        H: (columns, columns), or its factor from `inverse_factor` (then percdamp isn't used).
        sparsity: share to prune, in [0, 1); in each block of columns all that scores <= the value
            at sorted position int(rows · width · sparsity) goes, so one entry more than that.
            0 changes nothing.
        pattern: N:M in place of a sparsity.
        percdamp: damping as a share of H's mean diagonal.
        blocksize: columns of a block; for N:M a multiple of M.
        name: of the matrix, for messages.

    Returns:
        The new weight in its own dtype, and the mask (True = kept), both (rows, columns).

    Raises:
        ConfigError: sparsity out of range, columns or blocksize that do not divide by M.
        IterunError: H cannot be factorised.
    """
    _check(weight, sparsity, pattern, blocksize, name)
    if pattern is None and sparsity == 0:
        return weight.detach().clone(), torch.ones_like(weight, dtype=torch.bool)
    factor = H if isinstance(H, InverseFactor) else inverse_factor(H, percdamp=percdamp, name=name)
    work = weight.detach().T.to(torch.float32, memory_format=torch.contiguous_format, copy=True)
    work[factor.dead] = 0
    pruned = torch.empty_like(work, dtype=torch.bool)
    with torch.no_grad(), full_float32():
        for a in range(0, len(work), blocksize):
            block = slice(a, a + blocksize)
            rest = slice(a + blocksize, len(work))
            budget = pattern or float(sparsity or 0)
            errors = _sweep(work[block], pruned[block], factor.upper[block, block], budget)
            work[rest].addmm_(factor.upper[block, rest].T, errors, alpha=-1)
    return work.T.to(weight.dtype).contiguous(), ~pruned.T.contiguous()


@contextmanager
def full_float32() -> Iterator[None]:
    """Float32 products in full precision: TF32 and bfloat16 shortcuts off, put back afterwards."""
    before = torch.get_float32_matmul_precision()
    if before != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        if before != "highest":
            torch.set_float32_matmul_precision(before)


def _factor(H: Tensor, diagonal: Tensor) -> Tensor | None:
    """Upper Cholesky factor of the inverse of H with this diagonal; None if there is none."""
    damped = H.to(torch.float32, copy=True)
    damped.diagonal().copy_(diagonal)
    lower, failed = torch.linalg.cholesky_ex(damped)
    del damped
    if failed:
        return None
    inverse = torch.cholesky_inverse(lower)
    del lower
    upper, failed = torch.linalg.cholesky_ex(inverse, upper=True)
    return None if failed or not upper.diagonal().isfinite().all() else upper


def _check(
    weight: Tensor, sparsity: float | None, pattern: Pattern | None, blocksize: int, name: str
) -> None:
    if (sparsity is None) == (pattern is None):
        raise TypeError("sparsegpt takes either sparsity or pattern")
    if sparsity is not None:
        n_pruned(weight.numel(), sparsity)
    if blocksize < 1:
        raise ConfigError(f"task.blocksize={blocksize} is no width", hint="try task.blocksize=128")
    if pattern and weight.shape[1] % pattern.m:
        raise ConfigError(
            f"task.pattern={pattern}: {name} has {weight.shape[1]} columns, which do not divide by "
            f"{pattern.m}",
            hint="choose task.pattern=unstructured",
        )
    if pattern and blocksize % pattern.m:
        raise ConfigError(
            f"task.blocksize={blocksize} cuts through groups of task.pattern={pattern}",
            hint=f"choose a multiple of {pattern.m}, as in task.blocksize=128",
        )


def _sweep(work: Tensor, pruned: Tensor, upper: Tensor, budget: Pattern | float) -> Tensor:
    """Step 4 on one block, in place.

    Args:
        work: current W of the block, transposed; (width, rows). Leaves as q.
        pruned: filled in; (width, rows), bool.
        upper: the block of U; (width, width).
        budget: a pattern, or the share to prune.

    Returns:
        The errors e of all columns; (width, rows).
    """
    diagonal = upper.diagonal()[:, None]
    errors = torch.zeros_like(work)
    share = torch.empty_like(work)  # what of W an error takes: 1/U_jj where pruned, else 0
    if not isinstance(budget, Pattern):
        _choose_block(work, pruned, diagonal, budget)
        torch.div(pruned, diagonal, out=share)
    group = budget.m if isinstance(budget, Pattern) else 1
    strip = group * max(1, _STRIP // group)
    for a in range(0, len(work), strip):
        z = min(a + strip, len(work))
        work[a:z].addmm_(upper[:a, a:z].T, errors[:a], alpha=-1)
        for j in range(a, z):
            if isinstance(budget, Pattern) and j % group == 0:
                _choose_group(work, pruned, share, diagonal, slice(j, j + group), budget.n)
            torch.mul(work[j], share[j], out=errors[j])
            work[j + 1 : z].addr_(upper[j, j + 1 : z], errors[j], alpha=-1)
    work.masked_fill_(pruned, 0.0)
    return errors


def _choose_block(work: Tensor, pruned: Tensor, diagonal: Tensor, sparsity: float) -> None:
    """Mark all that scores at most the value at position int(rows · width · sparsity)."""
    scores = work.square() / diagonal.square()
    key, _ = kth_smallest(scores, n_pruned(scores.numel(), sparsity))
    torch.le(scores, as_value(key, scores), out=pruned)


def _choose_group(
    work: Tensor, pruned: Tensor, share: Tensor, diagonal: Tensor, group: slice, n: int
) -> None:
    """Mark the n lowest scores of the group of columns in each row."""
    scores = work[group].square() / diagonal[group].square()
    torch.lt(ranks(scores), n, out=pruned[group])
    torch.div(pruned[group], diagonal[group], out=share[group])

"""Criteria that say which weights of one matrix go: magnitude, random, Wanda, SparseGPT.

Papers: PERP (arXiv 2312.15230) for the set-up, Wanda (arXiv 2306.11695, eq. 1), SparseGPT (arXiv
2301.00774). Weights are (rows, columns) = (outputs, inputs).

    magnitude   |W_ij|               over the whole matrix
    random      uniform              over the whole matrix
    wanda       |W_ij| · ||X_j||_2   over each row
    sparsegpt   W_ij² / U_jj²        over each block of columns, with a weight update

`Method` holds one choice of criterion and budget and prunes matrices with it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from iterun.errors import ConfigError, nearest
from iterun.ops.masks import (
    TIE_RULES,
    Pattern,
    TieRule,
    n_pruned,
    nm_mask,
    parse_pattern,
    row_mask,
    whole_matrix_mask,
    zero_pruned_,
)
from iterun.ops.sparsegpt import HessianSum, InverseFactor, inverse_factor, sparsegpt

Criterion = Literal["magnitude", "random", "wanda", "sparsegpt"]
CRITERIA: tuple[Criterion, ...] = ("magnitude", "random", "wanda", "sparsegpt")
Scope = Literal["row", "matrix"]
SCOPES: tuple[Scope, ...] = ("row", "matrix")


class ColumnNorms:
    """Norms of a linear layer's inputs: c_j = mean over sequences of Σ_tokens x_j², in float32.

    Args:
        features: inputs of the layer.
        device: where the sums live; None: torch's default.
    """

    def __init__(self, features: int, device: torch.device | str | None = None) -> None:
        self.n_sequences = 0
        self._sum = torch.zeros(features, dtype=torch.float32, device=device)

    def add(self, x: Tensor, *, n_sequences: int | None = None) -> None:
        """Take in the inputs of some sequences.

        Args:
            x: (batch, tokens, features), or (tokens, features).
            n_sequences: how many sequences these are; None: batch, or one.
        """
        default = len(x) if x.dim() > 2 else 1
        self.n_sequences += default if n_sequences is None else n_sequences
        for rows in torch.split(x.detach().reshape(-1, x.shape[-1]), 4096):
            self._sum += rows.to(self._sum).square().sum(dim=0)

    def mean_squares(self) -> Tensor:
        """c; (features,), float32."""
        return self._sum / max(self.n_sequences, 1)

    def norms(self) -> Tensor:
        """√c, the norms in Wanda's score; (features,), float32."""
        return self.mean_squares().sqrt_()


def magnitude_mask(weight: Tensor, sparsity: float, tie_rule: TieRule = "exact") -> Tensor:
    """Keep the largest |W_ij| of the matrix; see `masks.whole_matrix_mask`."""
    return whole_matrix_mask(weight, sparsity, tie_rule=tie_rule)


def random_scores(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Uniform scores of the weight's shape on its device, float32, drawn on the generator's."""
    scores = torch.rand(weight.shape, generator=generator, device=generator.device)
    return scores.to(weight.device)


def random_mask(weight: Tensor, sparsity: float, generator: torch.Generator) -> Tensor:
    """Prune exactly int(n * sparsity) entries, every set of them equally likely."""
    return whole_matrix_mask(random_scores(weight, generator), sparsity)


def wanda_scores(weight: Tensor, norms: Tensor) -> Tensor:
    """|W_ij| · ||X_j||_2 (arXiv 2306.11695, eq. 1).

    Args:
        weight: (rows, columns).
        norms: (columns,), float32, from `ColumnNorms.norms`.

    Returns:
        (rows, columns), float32.
    """
    return weight.detach().abs() * norms


def wanda_mask(
    weight: Tensor,
    norms: Tensor,
    sparsity: float,
    *,
    scope: Scope = "row",
    tie_rule: TieRule = "exact",
) -> Tensor:
    """Prune the lowest Wanda scores of each row, or (as PERP's own code) of the whole matrix.

    Args:
        weight: (rows, columns).
        norms: (columns,), float32.
        sparsity: share to prune, in [0, 1).
        scope: what scores are compared within.
        tie_rule: of scope `matrix`; rows are always exact.
    """
    if scope == "matrix":
        return whole_matrix_mask(wanda_scores(weight, norms), sparsity, tie_rule=tie_rule)
    mask = torch.empty_like(weight, dtype=torch.bool, memory_format=torch.contiguous_format)
    step = max(1, (1 << 22) // max(1, weight.shape[1]))  # scores of a few rows alive at a time
    for rows, kept in zip(torch.split(weight, step), torch.split(mask, step), strict=True):
        kept.copy_(row_mask(wanda_scores(rows, norms), sparsity))
    return mask


Statistic = ColumnNorms | HessianSum
Prepared = Tensor | InverseFactor | None


@dataclass(kw_only=True)
class Method:
    """A criterion with its budget, as a procedure's settings name them."""

    criterion: Criterion
    sparsity: float  #: share of every matrix to prune, in [0, 1)
    pattern: str = "unstructured"  #: unstructured, 2:4 or 4:8
    tie_rule: TieRule = "exact"  #: exact count, or the published code's `<=`
    wanda_scope: Scope = "row"  #: what Wanda's scores are compared within
    percdamp: float = 0.01  #: SparseGPT's damping, share of H's mean diagonal
    blocksize: int = 128  #: SparseGPT's columns a block

    def check(self) -> Iterator[ConfigError]:
        """Yield every fault of the settings."""
        for key, value, known in (
            ("criterion", self.criterion, CRITERIA),
            ("tie_rule", self.tie_rule, TIE_RULES),
            ("wanda_scope", self.wanda_scope, SCOPES),
        ):
            if value not in known:
                names = " or ".join(f"task.{key}={name}" for name in nearest(value, known) or known)
                yield ConfigError(f"task.{key}={value} is unknown", hint=f"choose {names}")
        if not 0 < self.percdamp < math.inf:
            yield ConfigError(
                f"task.percdamp={self.percdamp} does not damp", hint="try task.percdamp=0.01"
            )
        yield from self._check_budget()

    def _check_budget(self) -> Iterator[ConfigError]:
        try:
            n_pruned(1, self.sparsity)
            pattern = parse_pattern(self.pattern)
        except ConfigError as error:
            yield error
            return
        if pattern and self.sparsity != pattern.sparsity:
            yield ConfigError(
                f"task.pattern={pattern} has sparsity {pattern.sparsity}, not {self.sparsity}",
                hint=f"add task.sparsity={pattern.sparsity}",
            )
        if self.blocksize < 1 or (pattern and self.blocksize % pattern.m):
            yield ConfigError(
                f"task.blocksize={self.blocksize} is no multiple of {pattern.m if pattern else 1}",
                hint="try task.blocksize=128",
            )

    @property
    def needs_data(self) -> bool:
        """Whether the criterion looks at calibration inputs."""
        return self.criterion in ("wanda", "sparsegpt")

    def statistic(self, features: int, device: torch.device | str | None = None) -> Statistic:
        """A fresh accumulator for a layer with so many inputs, if `needs_data`."""
        return (ColumnNorms if self.criterion == "wanda" else HessianSum)(features, device)

    def prepare(self, statistic: Statistic | None, *, name: str = "matrix") -> Prepared:
        """What the pruning needs of a statistic; do it once for matrices that share one."""
        if isinstance(statistic, HessianSum):
            return inverse_factor(statistic.hessian(), percdamp=self.percdamp, name=name)
        return statistic.norms() if isinstance(statistic, ColumnNorms) else None

    def prune(
        self,
        weight: Tensor,
        prepared: Prepared = None,
        *,
        generator: torch.Generator | None = None,
        name: str = "matrix",
    ) -> tuple[Tensor, Tensor]:
        """Prune one matrix.

        Args:
            weight: (rows, columns); changed in place and returned, but by SparseGPT, whose result
                is a new tensor.
            prepared: from `prepare`, for criteria that need data.
            generator: for the criterion `random`.
            name: of the matrix, for messages.

        Returns:
            The pruned weight in its own dtype, and its mask (True = kept).
        """
        pattern = parse_pattern(self.pattern)
        if self.criterion == "sparsegpt":
            if not isinstance(prepared, InverseFactor):
                raise TypeError("criterion=sparsegpt needs what `prepare` makes of a HessianSum")
            share = None if pattern else self.sparsity
            return sparsegpt(
                weight,
                prepared,
                sparsity=share,
                pattern=pattern,
                blocksize=self.blocksize,
                name=name,
            )
        mask = self._mask(weight, prepared, pattern, generator)
        return zero_pruned_(weight.detach(), mask), mask

    def _mask(
        self,
        weight: Tensor,
        norms: Prepared,
        pattern: Pattern | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        scores = weight
        if self.criterion == "random":
            if generator is None:
                raise TypeError("criterion=random needs a generator")
            scores = random_scores(weight, generator)
        elif self.criterion == "wanda":
            if not isinstance(norms, Tensor):
                raise TypeError("criterion=wanda needs column norms")
            if pattern is None:
                return wanda_mask(
                    weight, norms, self.sparsity, scope=self.wanda_scope, tie_rule=self.tie_rule
                )
            scores = wanda_scores(weight, norms)
        if pattern:
            return nm_mask(scores, pattern.n, pattern.m)
        rule: TieRule = "exact" if self.criterion == "random" else self.tie_rule
        return whole_matrix_mask(scores, self.sparsity, tie_rule=rule)

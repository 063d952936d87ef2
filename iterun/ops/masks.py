"""Masks of pruned matrices: which entries go, counted exactly, without sorting the whole matrix.

A mask is a bool tensor shaped like the weight, True = kept. Scores are compared by absolute value
(so a weight is its own magnitude score); the smallest go first. Floats without sign are ordered as
their bit patterns are, so all comparisons are of integers, a chunk at a time: NaN counts as the
largest, and beside the mask no copy of the matrix is made in any precision.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from iterun.errors import ConfigError

TieRule = Literal["exact", "reference"]
TIE_RULES: tuple[TieRule, ...] = ("exact", "reference")

_CHUNK = 1 << 22  # entries looked at together: 16 MiB of int32 keys
_SMALL = 1 << 16  # up to here a histogram of 65,536 bins costs more than the entries do
_INTEGER = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


@dataclass(frozen=True)
class Pattern:
    """N:M sparsity: of every `m` consecutive inputs of a row, `n` are pruned."""

    n: int
    m: int

    @property
    def sparsity(self) -> float:
        return self.n / self.m

    def __str__(self) -> str:
        return f"{self.n}:{self.m}"


def parse_pattern(text: str) -> Pattern | None:
    """`unstructured` gives None, `2:4` and `4:8` a pattern.

    Raises:
        ConfigError: anything else; also N:M with N other than M/2, of which one can't tell whether
            N is what is pruned or what is kept.
    """
    if text == "unstructured":
        return None
    n, colon, m = str(text).partition(":")
    hint = "choose task.pattern=unstructured, 2:4 or 4:8"
    if not (colon and n.isdecimal() and m.isdecimal() and int(n) > 0):
        raise ConfigError(f"task.pattern={text} is not a pattern", hint=hint)
    if int(m) != 2 * int(n):
        raise ConfigError(f"task.pattern={text} does not say if {n} are pruned or kept", hint=hint)
    return Pattern(int(n), int(m))


def n_pruned(n: int, sparsity: float) -> int:
    """How many of `n` entries go: the float product, truncated (0.6 of 4096 gives 2457).

    Raises:
        ConfigError: sparsity outside [0, 1).
    """
    if not 0 <= sparsity < 1:
        raise ConfigError(
            f"task.sparsity={sparsity} is not a share of the weights",
            hint="pick a share from 0 up to, not including, 1, as in task.sparsity=0.7",
        )
    return int(n * sparsity)


def whole_matrix_mask(scores: Tensor, sparsity: float, *, tie_rule: TieRule = "exact") -> Tensor:
    """Prune the smallest scores of the whole tensor.

    Args:
        scores: any shape, any float dtype; compared by absolute value.
        sparsity: share to prune, in [0, 1); 0 prunes nothing under either rule.
        tie_rule: `exact` prunes int(n * sparsity), among ties the smaller flat index first;
            `reference` prunes all that is <= the value at sorted position int(n * sparsity), so
            one entry more and all its ties, as the published code of the criteria does.
    """
    k = n_pruned(scores.numel(), sparsity)
    if k == 0 and (tie_rule == "exact" or sparsity == 0):
        return torch.ones_like(scores, dtype=torch.bool)
    if tie_rule == "exact":
        return keep_largest(scores, k)
    flat = scores.detach().reshape(-1)
    return _above(flat, kth_smallest(flat, k)[0]).view(scores.shape)


def keep_largest(scores: Tensor, k: int) -> Tensor:
    """Prune the `k` >= 1 smallest of the whole tensor; ties: smaller flat index first."""
    flat = scores.detach().reshape(-1)
    key, equal_before = kth_smallest(flat, k - 1)
    return _above(flat, key, n_equal_pruned=equal_before + 1).view(scores.shape)


def row_mask(scores: Tensor, sparsity: float) -> Tensor:
    """Prune int(columns * sparsity) smallest scores of each row; ties: smaller column first.

    Args:
        scores: (rows, columns), compared by absolute value.
        sparsity: share to prune, in [0, 1).
    """
    k = n_pruned(scores.shape[1], sparsity)
    mask = torch.ones_like(scores, dtype=torch.bool)
    if k == 0:
        return mask
    for rows, kept in _row_chunks(scores, mask):
        keys = _keys(rows)
        threshold = _kth_of_rows(keys, k)
        torch.gt(keys, threshold, out=kept)
        equal = keys == threshold
        spare = (~kept).sum(dim=1) - k  # ties that stay
        tied = spare.nonzero().flatten()
        if len(tied):
            place = equal[tied].cumsum(dim=1, dtype=torch.int32)  # 1-based, among the row's ties
            stays = equal[tied] & (place > (place[:, -1] - spare[tied])[:, None])
            kept[tied] |= stays
    return mask


def nm_mask(scores: Tensor, n: int, m: int) -> Tensor:
    """Prune the `n` smallest of each `m` consecutive columns of a row; ties: smaller column first.

    Args:
        scores: (rows, columns), compared by absolute value.
        n: pruned entries a group.
        m: group width.

    Raises:
        ConfigError: the columns do not divide by m.
    """
    if scores.shape[1] % m:
        raise ConfigError(
            f"task.pattern={n}:{m}: {scores.shape[1]} columns of a matrix do not divide by {m}",
            hint="choose task.pattern=unstructured",
        )
    mask = torch.empty_like(scores, dtype=torch.bool, memory_format=torch.contiguous_format)
    for rows, kept in _row_chunks(scores, mask):
        groups = _keys(rows).reshape(-1, m).T.contiguous()  # (m, groups)
        kept.view(-1, m).copy_((ranks(groups) >= n).T)
    return mask


def ranks(values: Tensor) -> Tensor:
    """Place of each entry in its column under stable ascending order, by all pairs.

    Args:
        values: (m, n), m small; sorting tiny groups one by one costs many times more.

    Returns:
        (m, n), int16: 0 for the smallest; of equal ones the upper comes first.
    """
    place = torch.zeros_like(values, dtype=torch.int16)
    for i in range(len(values)):
        for j in range(i + 1, len(values)):
            upper_first = values[i] <= values[j]
            place[j] += upper_first
            place[i] += ~upper_first
    return place


def kth_smallest(values: Tensor, position: int) -> tuple[int, int]:
    """The |value| at a 0-based position of the ascending order: radix selection, 16 bits a pass.

    Args:
        values: any shape, any float dtype.
        position: from 0 to n - 1.

    Returns:
        Its bit pattern as an integer (see `as_value`), and how many equal ones stand before it.
    """
    flat = values.detach().reshape(-1)
    if len(flat) <= _SMALL:
        keys = _keys(flat)
        key = int(_kth_of_rows(keys[None], position + 1))
        return key, position - int((keys < key).sum())
    shift, prefix, rest = 8 * flat.element_size(), 0, position
    while shift > 0:
        shift = max(shift - 16, 0)
        counts = _histogram(flat, prefix, shift).cumsum(0)
        digit = int(torch.searchsorted(counts, rest, right=True))
        rest -= int(counts[digit - 1]) if digit else 0
        prefix = prefix << 16 | digit
    return prefix, rest


def as_value(key: int, like: Tensor) -> Tensor:
    """The value of a bit pattern from `kth_smallest`, as a 0-dim tensor of the dtype of `like`."""
    bits = torch.tensor(key, dtype=_INTEGER[like.element_size()], device=like.device)
    return bits.view(like.dtype)


def sparsity(masks: Tensor | Mapping[str, Tensor]) -> float:
    """Share of pruned entries of one mask, or of all together; 0.0 for no entries."""
    every = [masks] if isinstance(masks, Tensor) else list(masks.values())
    total = sum(mask.numel() for mask in every)
    return 1 - sum(int(mask.count_nonzero()) for mask in every) / total if total else 0.0


def zero_pruned_(weight: Tensor, mask: Tensor) -> Tensor:
    """Set the pruned entries to +0.0 in place, whatever they held; returns `weight`."""
    with torch.no_grad():
        for values, kept in _row_chunks(weight, mask):
            values.masked_fill_(~kept.bool(), 0.0)
    return weight


def _keys(values: Tensor) -> Tensor:
    """Bit patterns without the sign: integers in the order of |values|."""
    dtype = _INTEGER[values.element_size()]
    return values.detach().view(dtype) & torch.iinfo(dtype).max


def _histogram(flat: Tensor, prefix: int, shift: int) -> Tensor:
    """Counts of the 16 key bits above `shift`, of the entries whose higher bits are `prefix`."""
    counts = torch.zeros(1 << 16, dtype=torch.int64, device=flat.device)
    for chunk in torch.split(flat, _CHUNK):
        keys = _keys(chunk)
        if shift + 16 < 8 * keys.element_size():
            keys = keys[(keys >> (shift + 16)) == prefix]
        digits = keys >> shift
        if keys.element_size() > 2:
            digits &= 0xFFFF
        counts += torch.bincount(digits, minlength=1 << 16)
    return counts


def _above(flat: Tensor, key: int, *, n_equal_pruned: int | None = None) -> Tensor:
    """True above `key`, and at those equal to it but the first `n_equal_pruned` (None: all go)."""
    mask = torch.empty_like(flat, dtype=torch.bool)
    left = n_equal_pruned
    for values, kept in zip(torch.split(flat, _CHUNK), torch.split(mask, _CHUNK), strict=True):
        keys = _keys(values)
        torch.gt(keys, key, out=kept)
        if left is not None:
            equal = (keys == key).nonzero().flatten()
            kept[equal[left:]] = True
            left = max(left - len(equal), 0)
    return mask


def _row_chunks(scores: Tensor, mask: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Scores and mask, so many rows (of the first dimension) at a time that a chunk stays small."""
    step = max(1, _CHUNK * len(scores) // max(1, scores.numel()))
    return zip(torch.split(scores, step), torch.split(mask, step), strict=True)


def _kth_of_rows(keys: Tensor, k: int) -> Tensor:
    """The k-th smallest (1-based) of each row; (rows, 1)."""
    if keys.is_cuda:  # there kthvalue is refused under torch's deterministic algorithms
        return keys.sort(dim=1).values[:, k - 1 : k]
    return keys.kthvalue(k, dim=1, keepdim=True).values

"""Means over seeds with bootstrap intervals, and tests paired by seed; thousands at a time.

A group is the values of one setting. Every function over many groups takes the values flat, with
the number of the group of each one, and gives arrays in the order of the groups: the same numbers,
bit for bit, as one group by itself.

Interval of a mean: percentile bootstrap (Efron 1979). Paired test: Student's t on the differences
d_s = a_s - b_s of the seeds s, t = mean(d) / (sd(d) / sqrt(n)), n - 1 degrees of freedom. Seeds
needed: the least n whose noncentral t gives the power, at the effect mean(d) / sd(d).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

LEVEL = 0.95
RESAMPLES = 2000
POWER = 0.8
_CHUNK = 1 << 22  #: numbers held at once
_FEW = 64  #: values of a group that are resampled by a table of ways to draw them
_EXACT_UP_TO = 10_000  #: seeds; beyond it Student's t is the normal distribution
_ROUNDING = 4 * float(np.finfo(np.float64).eps)  #: of a difference, in shares of its values
_LARGEST_EFFECT = 50.0  #: standard deviations; two seeds show any larger one


class Interval(NamedTuple):
    """A mean and the bounds of its interval: nan where they are not defined."""

    mean: float
    low: float
    high: float
    n: int


class Intervals(NamedTuple):
    """As `Interval`, an array over the groups each."""

    mean: Floats
    low: Floats
    high: Floats
    n: Ints


class Paired(NamedTuple):
    """Two settings held against each other, seed by seed."""

    n: int  #: pairs
    difference: float  #: mean of a - b
    low: float  #: bounds of its interval, by Student's t; nan below two pairs
    high: float
    p: float | None  #: two-sided; None where the pairs have no spread
    needed: int | None  #: seeds that would show this difference; None if there is none to show


def mean_interval(
    values: Sequence[float] | Floats,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """The mean with its percentile bootstrap interval.

    Of one value the bounds are nan, of none the mean too; of values that are not all finite the
    bounds are nan.

    Args:
        values: one a seed; none missing.
        level: share of resampled means between the bounds, in (0, 1).
        resamples: how many.
        seed: of the resampling.
    """
    group = np.zeros(len(values), np.intp)
    found = mean_intervals(values, group, 1, level=level, resamples=resamples, seed=seed)
    return Interval(
        float(found.mean[0]), float(found.low[0]), float(found.high[0]), int(found.n[0])
    )


def mean_intervals(
    values: ArrayLike,
    group: ArrayLike,
    n_groups: int,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Intervals:
    """As `mean_interval`, of each group.

    Args:
        values: all groups' values; (n,).
        group: the group of each value, 0 to n_groups - 1; (n,).
        n_groups: how many groups there are; some may be empty.
        level: share of resampled means between the bounds.
        resamples: how many.
        seed: of the resampling; groups of one size are resampled alike.
    """
    mean, low, high = (np.full(n_groups, np.nan) for _ in range(3))
    sizes = np.bincount(np.asarray(group, np.intp), minlength=n_groups).astype(np.intp)
    with np.errstate(all="ignore"):
        for groups, rows in _by_size(values, group, sizes):
            mean[groups] = _means(rows)
            is_finite = np.isfinite(rows).all(axis=1)
            if rows.shape[1] > 1 and is_finite.any():
                bounds = _bootstrap(rows[is_finite], level, resamples, seed)
                low[groups[is_finite]], high[groups[is_finite]] = bounds
    return Intervals(mean, low, high, sizes)


def paired(a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> Paired:
    """Whether a differs from b, by a t test over pairs.

    Args:
        a: one value a seed.
        b: of the same seeds in the same order.
    """
    return paired_groups(a, b, np.zeros(len(a), np.intp), 1)[0]


def paired_groups(a: ArrayLike, b: ArrayLike, group: ArrayLike, n_groups: int) -> list[Paired]:
    """As `paired`, of each group of pairs.

    Args:
        a: all groups' first values; (n,).
        b: the values that they are held against; (n,).
        group: the group of each pair; (n,).
        n_groups: how many groups there are; some may be empty.
    """
    found = [Paired(0, float("nan"), float("nan"), float("nan"), None, None)] * n_groups
    sizes = np.bincount(np.asarray(group, np.intp), minlength=n_groups).astype(np.intp)
    with np.errstate(all="ignore"):
        first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
        rounding = _ROUNDING * np.maximum(np.abs(first), np.abs(second))
        parts = (_by_size(values, group, sizes) for values in (first - second, rounding))
        for (groups, rows), (_, roundings) in zip(*parts, strict=True):
            for k, result in zip(groups, _t_tests(rows, roundings.max(axis=1)), strict=True):
                found[k] = result
    return found


def _by_size(values: ArrayLike, group: ArrayLike, sizes: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Groups of equal size together: their numbers, and their values; (groups, size)."""
    flat, group = np.asarray(values, np.float64), np.asarray(group, np.intp)
    flat = flat[np.argsort(group, kind="stable")]
    starts = np.cumsum(sizes) - sizes
    for size in sorted({*sizes.tolist()} - {0}):  # np.unique would import numpy.ma: 50 ms
        groups = np.flatnonzero(sizes == size)
        yield groups, flat[starts[groups, None] + np.arange(size)]


def _means(rows: Floats) -> Floats:
    """The mean of each row, exact where all its values are equal; (groups,)."""
    base = rows[:, :1]
    shifted = rows - base
    total = np.zeros(len(rows))
    for j in range(1, rows.shape[1]):  # column by column: the same bits for one row as for many
        total += shifted[:, j]
    found: Floats = base[:, 0] + total / rows.shape[1]
    ill = ~np.isfinite(found)  # infinite values, or a difference that overflows
    found[ill] = (rows[ill] / rows.shape[1]).sum(axis=1)
    return found


def _bootstrap(rows: Floats, level: float, resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Lower and upper bound of each row's mean; (groups,) each."""
    low, high = np.empty(len(rows)), np.empty(len(rows))
    base = rows[:, :1]
    size = rows.shape[1]
    step = max(1, _CHUNK // resamples)
    for k in range(0, len(rows), step):
        part = slice(k, k + step)
        resampled = _few if size <= _FEW else _many
        means, times = resampled(rows[part] - base[part], resamples, seed)
        means += base[part]
        order = np.argsort(means, axis=1)
        ordered = np.take_along_axis(means, order, axis=1)
        reached = np.cumsum(times[order], axis=1)
        low[part] = _quantile(ordered, reached, (1 - level) / 2)
        high[part] = _quantile(ordered, reached, (1 + level) / 2)
    return low, high


def _few(rows: Floats, resamples: int, seed: int) -> tuple[Floats, Ints]:
    """Means of resampled rows, and how often each of them came; (groups, distinct), (distinct,).

    Few values can be drawn in few ways, many times each (three: in 10): a mean is taken, and later
    sorted, once a way.
    """
    counts, times = _ways(rows.shape[1], resamples, seed)
    means = np.zeros((len(rows), len(counts)))
    for j in range(rows.shape[1]):
        means += rows[:, j : j + 1] * counts[:, j]
    means /= rows.shape[1]
    return means, times


@cache
def _ways(size: int, resamples: int, seed: int) -> tuple[Floats, Ints]:
    """How often each value is drawn, (distinct, size), and how many resamples drew like that."""
    drawn = np.random.default_rng([seed, size]).integers(size, size=(resamples, size))
    counts = np.zeros((resamples, size), np.int64)
    np.add.at(counts, (np.arange(resamples)[:, None], drawn), 1)
    distinct, times = np.unique(counts, axis=0, return_counts=True)
    return distinct.astype(np.float64), times.astype(np.intp)


def _many(rows: Floats, resamples: int, seed: int) -> tuple[Floats, Ints]:
    """As `_few`, where the table of ways would be large: every resample is drawn."""
    generator = np.random.default_rng([seed, rows.shape[1]])
    means = np.empty((len(rows), resamples))
    step = max(1, _CHUNK // rows.shape[1])
    for k in range(0, resamples, step):
        drawn = generator.integers(rows.shape[1], size=(min(step, resamples - k), rows.shape[1]))
        for row, found in zip(rows, means, strict=True):
            found[k : k + step] = row[drawn].mean(axis=1)
    return means, np.ones(resamples, np.intp)


def _quantile(ordered: Floats, reached: Ints, q: float) -> Floats:
    """A quantile of repeated values, linear between two of them, as numpy's own.

    Args:
        ordered: ascending; (groups, distinct).
        reached: how many values there are up to and with each; (groups, distinct).
        q: in [0, 1].
    """
    position = q * (int(reached[0, -1]) - 1)
    below = int(position)
    rows = np.arange(len(ordered))
    a = ordered[rows, (reached <= below).sum(axis=1)]
    last = ordered.shape[1] - 1
    b = ordered[rows, np.minimum((reached <= below + 1).sum(axis=1), last)]
    found: Floats = a + (b - a) * (position - below)
    return found


def _t_tests(rows: Floats, rounding: Floats) -> list[Paired]:
    """Of groups with equally many differences.

    Args:
        rows: the differences; (groups, pairs).
        rounding: how far they may be off, as differences of floats; (groups,). No wider spread is
            none: (k + 1) / 360 - k / 360 is not quite the same for every k.
    """
    n = rows.shape[1]
    means = _means(rows)
    low = high = p = np.full(len(rows), np.nan)
    effect = np.zeros(len(rows))
    if n > 1:
        from scipy.special import stdtr, stdtrit

        error = np.sqrt(_means((rows - means[:, None]) ** 2) / (n - 1))  # of the mean
        error[np.abs(rows - means[:, None]).max(axis=1) <= rounding] = 0.0
        p = 2 * stdtr(n - 1, -np.abs(means / error))
        half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * error
        low, high = means - half, means + half
        p[~(np.isfinite(means) & (error > 0))] = np.nan
        effect = np.abs(means) / (error * np.sqrt(n))
    needed = seeds_needed(np.where(np.isnan(p), np.nan, effect))
    return [
        Paired(
            n, float(means[k]), float(low[k]), float(high[k]),
            None if p[k] != p[k] else float(p[k]),
            None if needed[k] != needed[k] else int(needed[k]),
        )
        for k in range(len(rows))
    ]  # fmt: skip


def seeds_needed(effects: Floats) -> Floats:
    """The fewest pairs whose t test at 5 % finds an effect four times in five; nan: none.

    Args:
        effects: means of differences, each in standard deviations of these, >= 0; (groups,).
    """
    from scipy.special import ndtri

    found = np.full(len(effects), np.nan)
    is_one = np.isfinite(effects) & (effects > 0)
    if not is_one.any():
        return found
    effect = np.minimum(effects[is_one], _LARGEST_EFFECT)[:, None]
    z = float(ndtri((1 + LEVEL) / 2))
    estimate = ((z + float(ndtri(POWER))) / effect) ** 2 + z * z / 2
    # The least is at most two above or below; a test holds this against a search.
    pairs = np.maximum(2, np.floor(estimate) - 2) + np.arange(7)
    first = np.argmax(_power(effect, pairs) >= POWER, axis=1)
    exact = pairs[np.arange(len(pairs)), first]
    found[is_one] = np.where(estimate[:, 0] > _EXACT_UP_TO, np.ceil(estimate[:, 0]), exact)
    return found


def _power(effect: Floats, pairs: Floats) -> Floats:
    """How often the paired t test of so many pairs finds an effect."""
    from scipy.special import nctdtr, stdtrit

    critical, center = stdtrit(pairs - 1, (1 + LEVEL) / 2), effect * np.sqrt(pairs)
    below, above = (nctdtr(pairs - 1, center, t) for t in (-critical, critical))
    found: Floats = 1 - np.nan_to_num(above) + np.nan_to_num(below)  # nan where it is too small
    return found

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from iterun.errors import ConfigError
from iterun.ops import masks
from iterun.ops.sparsegpt import HessianSum
from iterun.ops.sparsify import (
    ColumnNorms,
    Criterion,
    Method,
    magnitude_mask,
    random_mask,
    wanda_mask,
    wanda_scores,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def published_norms(sequences: Tensor) -> Tensor:
    """The running form of the Wanda authors: rescale by n/(n+1), add this sequence's share."""
    mean = torch.zeros(sequences.shape[-1])
    for n, sequence in enumerate(sequences):
        mean *= n / (n + 1)
        mean += torch.linalg.vector_norm(sequence.T, dim=1) ** 2 / (n + 1)
    return mean.sqrt()


def published_mask(weight: Tensor, norms: Tensor, share: float) -> Tensor:
    """Per row: scores in a stable sort, the first int(columns * share) indices are scattered."""
    metric = weight.abs() * norms.reshape(1, -1)
    indices = torch.sort(metric, dim=-1, stable=True).indices[:, : int(metric.shape[1] * share)]
    return torch.zeros_like(metric).bool().scatter_(1, indices, value=True).logical_not()


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 8), st.integers(0, 99))
def test_norms_equal_the_published_running_mean(n: int, tokens: int, width: int, seed: int) -> None:
    x = torch.randn(n, tokens, width, generator=seeded(seed))
    sums = ColumnNorms(width)

    for sequence in x:
        sums.add(sequence[None])

    torch.testing.assert_close(sums.norms(), published_norms(x))


def test_norms_by_hand() -> None:
    """Two sequences: Σ x² = 1 + 4 and 9 + 4; mean 9, root 3."""
    sums = ColumnNorms(1)

    sums.add(torch.tensor([[[1.0], [2.0]], [[3.0], [-2.0]]]))

    assert sums.mean_squares().tolist() == [9.0]
    assert sums.norms().tolist() == [3.0]


def test_norms_of_half_precision_inputs_do_not_overflow() -> None:
    sums = ColumnNorms(2)

    sums.add(torch.full((1, 5000, 2), 300.0, dtype=torch.float16))

    torch.testing.assert_close(sums.mean_squares(), torch.full((2,), 5000 * 9e4))


def test_flattened_batches_count_their_sequences() -> None:
    x = torch.randn(3, 5, 4, generator=seeded())
    whole, flat = ColumnNorms(4), ColumnNorms(4)

    whole.add(x)
    flat.add(x.flatten(0, 1), n_sequences=3)

    assert torch.equal(whole.norms(), flat.norms())


def test_wanda_scores_by_hand() -> None:
    scores = wanda_scores(torch.tensor([[1.0, -2.0]]), torch.tensor([3.0, 0.5]))

    assert scores.tolist() == [[3.0, 1.0]]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(1, 30), st.floats(0, 0.99), st.integers(0, 99))
def test_wanda_mask_equals_the_published_formulation(
    rows: int, columns: int, share: float, seed: int
) -> None:
    weight = torch.randn(rows, columns, generator=seeded(seed)).round(decimals=1)
    norms = torch.rand(columns, generator=seeded(seed + 1)).round(decimals=1)

    mask = wanda_mask(weight, norms, share)

    assert torch.equal(mask, published_mask(weight, norms, share))
    assert ((~mask).sum(dim=1) == int(columns * share)).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_wanda_mask_of_half_weights_is_scored_in_float32(dtype: torch.dtype) -> None:
    weight = torch.randn(16, 64, generator=seeded()).to(dtype)
    norms = torch.rand(64, generator=seeded(1))

    mask = wanda_mask(weight, norms, 0.5)

    assert wanda_scores(weight, norms).dtype == torch.float32
    assert torch.equal(mask, published_mask(weight.float(), norms, 0.5))


def test_wanda_over_the_matrix_compares_all_rows() -> None:
    """The second row is ten times the first: over the matrix the first goes whole."""
    weight = torch.tensor([[1.0, 2.0], [10.0, 20.0]])

    by_row = wanda_mask(weight, torch.ones(2), 0.5)
    by_matrix = wanda_mask(weight, torch.ones(2), 0.5, scope="matrix")

    assert by_row.tolist() == [[False, True], [False, True]]
    assert by_matrix.tolist() == [[False, False], [True, True]]


def test_magnitude_needs_no_order_of_signs() -> None:
    weight = torch.randn(20, 30, generator=seeded())

    assert torch.equal(magnitude_mask(weight, 0.6), magnitude_mask(weight.abs(), 0.6))
    assert (~magnitude_mask(weight, 0.6)).sum() == 360
    assert (~magnitude_mask(weight, 0.6, "reference")).sum() == 361


def test_random_mask_is_seeded_exact_and_blind_to_the_weight() -> None:
    a = random_mask(torch.zeros(10, 10), 0.37, seeded())
    b = random_mask(torch.arange(100.0).view(10, 10), 0.37, seeded())

    assert torch.equal(a, b)
    assert (~a).sum() == 37
    assert not torch.equal(a, random_mask(torch.zeros(10, 10), 0.37, seeded(1)))


def test_random_masks_hit_every_place_alike() -> None:
    """1,000 draws of one in four: each place 250 times, give or take five sigma (14 each)."""
    generator = seeded()

    hits = sum((~random_mask(torch.zeros(2, 2), 0.25, generator)).int() for _ in range(1000))

    assert (hits - 250).abs().max() < 5 * math.sqrt(1000 * 0.25 * 0.75)


CRITERIA = pytest.mark.parametrize("criterion", ["magnitude", "random", "wanda", "sparsegpt"])


def pruned_by(method: Method, weight: Tensor) -> tuple[Tensor, Tensor]:
    prepared = None
    if method.needs_data:
        statistic = method.statistic(weight.shape[1])
        statistic.add(torch.randn(4, 50, weight.shape[1], generator=seeded(5)))
        prepared = method.prepare(statistic)
    return method.prune(weight, prepared, generator=seeded(7))


@CRITERIA
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_criterion_leaves_zeros_where_its_mask_says(
    criterion: Criterion, dtype: torch.dtype
) -> None:
    weight = torch.randn(24, 40, generator=seeded()).to(dtype)

    new, mask = pruned_by(Method(criterion=criterion, sparsity=0.6), weight)

    assert new.dtype == dtype
    assert not new[~mask].any()
    extra = 1 if criterion == "sparsegpt" else 0
    assert (~mask).sum() == int(24 * 40 * 0.6) + extra


@CRITERIA
@pytest.mark.parametrize("pattern", ["2:4", "4:8"])
def test_every_criterion_prunes_n_in_every_group(criterion: Criterion, pattern: str) -> None:
    method = Method(criterion=criterion, sparsity=0.5, pattern=pattern)
    n, m = map(int, pattern.split(":"))

    _, mask = pruned_by(method, torch.randn(12, 32, generator=seeded()))

    assert ((~mask.view(-1, m)).sum(dim=1) == n).all()


def test_pruning_in_place_keeps_the_tensor() -> None:
    weight = torch.nn.Parameter(torch.randn(4, 4, generator=seeded()))

    new, _ = Method(criterion="magnitude", sparsity=0.5).prune(weight)

    assert new.data_ptr() == weight.data_ptr()
    assert (weight == 0).sum() == 8


def test_statistics_fit_the_criterion() -> None:
    assert isinstance(Method(criterion="wanda", sparsity=0.5).statistic(3), ColumnNorms)
    assert isinstance(Method(criterion="sparsegpt", sparsity=0.5).statistic(3), HessianSum)
    assert not Method(criterion="magnitude", sparsity=0.5).needs_data


@pytest.mark.parametrize("criterion", ["random", "wanda", "sparsegpt"])
def test_a_criterion_without_its_input_is_a_bug(criterion: Criterion) -> None:
    with pytest.raises(TypeError, match=f"criterion={criterion}"):
        Method(criterion=criterion, sparsity=0.5).prune(torch.ones(2, 2))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"criterion": "magnitud"}, r"task\.criterion=magnitud"),
        ({"sparsity": 1.0}, r"task\.sparsity=1\.0"),
        ({"pattern": "2:4"}, r"task\.pattern=2:4 has sparsity 0\.5"),
        ({"pattern": "1:4"}, r"task\.pattern=1:4"),
        ({"tie_rule": "both"}, r"task\.tie_rule=both"),
        ({"wanda_scope": "rows"}, r"task\.wanda_scope=rows"),
        ({"percdamp": 0.0}, r"task\.percdamp=0\.0"),
        ({"blocksize": 0}, r"task\.blocksize=0"),
        ({"blocksize": 6, "pattern": "2:4", "sparsity": 0.5}, r"task\.blocksize=6"),
    ],
)
def test_every_fault_is_named_as_typed(settings: dict[str, Any], message: str) -> None:
    method = Method(**{"criterion": "magnitude", "sparsity": 0.7} | settings)

    (error,) = method.check()

    with pytest.raises(ConfigError, match=message):
        raise error


def test_good_settings_have_no_fault() -> None:
    assert not list(Method(criterion="wanda", sparsity=0.0).check())
    assert not list(Method(criterion="sparsegpt", sparsity=0.5, pattern="4:8").check())


@pytest.mark.parametrize("rule", [masks.whole_matrix_mask, masks.row_mask])
def test_all_zero_matrices_lose_their_first_entries(rule: Callable[..., Tensor]) -> None:
    mask = rule(torch.zeros(1, 4), 0.5)

    assert mask.tolist() == [[False, False, True, True]]

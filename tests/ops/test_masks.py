import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from torch import Tensor

from iterun.errors import ConfigError
from iterun.ops import masks

FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
SHARES = st.floats(0, 1, exclude_max=True)


@st.composite
def matrices(draw: st.DrawFn, max_side: int = 12) -> Tensor:
    """Random, tied, signed or constant matrices of every float dtype."""
    shape = draw(array_shapes(min_dims=2, max_dims=2, max_side=max_side))
    levels = draw(st.sampled_from([1, 2, 5, 1000]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    whole = torch.randint(-levels, levels + 1, shape, generator=generator)
    return (whole / 7).to(draw(st.sampled_from(FLOATS)))


def smallest_by_sorting(scores: Tensor, k: int) -> Tensor:
    """The naive mask: a stable sort of everything, the first k places go."""
    order = scores.abs().flatten().sort(stable=True).indices
    mask = torch.ones(scores.numel(), dtype=torch.bool)
    mask[order[:k]] = False
    return mask.view(scores.shape)


def test_count_truncates_the_float_product() -> None:
    assert masks.n_pruned(4096, 0.6) == 2457
    assert masks.n_pruned(10, 0.3) == 3
    assert masks.n_pruned(100, 0.29) == 28  # 100 * 0.29 is 28.999999999999996
    assert masks.n_pruned(7, 0.0) == 0


@pytest.mark.parametrize("share", [-0.1, 1.0, 1.5, math.nan])
def test_a_sparsity_outside_the_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"task\.sparsity="):
        masks.n_pruned(10, share)


def test_exact_rule_prunes_ties_by_flat_index() -> None:
    """|W| = 1 2 | 1 1: three ones, two of four entries go, the first two ones."""
    mask = masks.whole_matrix_mask(torch.tensor([[1.0, -2.0], [-1.0, 1.0]]), 0.5)

    assert mask.tolist() == [[False, True], [False, True]]


def test_reference_rule_prunes_one_more_and_all_ties() -> None:
    """Sorted 1 2 3 3 4, position int(5 * 0.5) = 2 holds 3: everything up to 3 goes."""
    scores = torch.tensor([[3.0, 1.0, 4.0, 3.0, 2.0]])

    mask = masks.whole_matrix_mask(scores, 0.5, tie_rule="reference")

    assert mask.tolist() == [[False, False, True, False, False]]


@settings(deadline=None, max_examples=50)
@given(matrices(), SHARES)
def test_exact_rule_equals_a_stable_sort(scores: Tensor, share: float) -> None:
    mask = masks.whole_matrix_mask(scores, share)

    expected = smallest_by_sorting(scores, int(scores.numel() * share))
    assert torch.equal(mask, expected)


@settings(deadline=None, max_examples=50)
@given(matrices(), SHARES.filter(bool))
def test_reference_rule_is_the_published_comparison(scores: Tensor, share: float) -> None:
    size = scores.abs()
    threshold = size.flatten().sort().values[int(size.numel() * share)]

    mask = masks.whole_matrix_mask(scores, share, tie_rule="reference")

    assert torch.equal(~mask, size <= threshold)


@settings(deadline=None, max_examples=50)
@given(matrices(), SHARES)
def test_rows_equal_a_stable_sort_of_each(scores: Tensor, share: float) -> None:
    mask = masks.row_mask(scores, share)

    k = int(scores.shape[1] * share)
    expected = [smallest_by_sorting(row, k).tolist() for row in scores]
    assert mask.tolist() == expected


@settings(deadline=None, max_examples=50)
@given(matrices(), st.sampled_from([(1, 2), (2, 4), (4, 8)]))
def test_groups_equal_a_stable_sort_of_each(scores: Tensor, pattern: tuple[int, int]) -> None:
    n, m = pattern
    scores = scores.repeat(1, m)[:, : m * scores.shape[1]]

    mask = masks.nm_mask(scores, n, m)

    groups = scores.reshape(-1, m)
    expected = torch.stack([smallest_by_sorting(group, n) for group in groups])
    assert torch.equal(mask, expected.view(scores.shape))


@settings(deadline=None, max_examples=50)
@given(matrices(), SHARES, SHARES)
def test_more_sparsity_only_shrinks_the_mask(scores: Tensor, one: float, two: float) -> None:
    less, more = sorted((one, two))

    for rule in (masks.whole_matrix_mask, masks.row_mask):
        assert not (rule(scores, more) & ~rule(scores, less)).any()


@settings(deadline=None, max_examples=50)
@given(matrices(), st.data())
def test_selection_finds_the_sorted_position(values: Tensor, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, values.numel() - 1))
    ordered = values.abs().flatten().sort().values

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_SMALL", data.draw(st.sampled_from([0, 1 << 16])))
        key, equal_before = masks.kth_smallest(values, position)

    assert masks.as_value(key, values) == ordered[position]
    assert equal_before == position - int((ordered < ordered[position]).sum())


def test_matrices_longer_than_a_chunk_are_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = torch.randint(0, 4, (33, 17), generator=torch.Generator().manual_seed(0)).float()
    whole, rows = masks.whole_matrix_mask(scores, 0.4), masks.row_mask(scores, 0.4)

    monkeypatch.setattr(masks, "_CHUNK", 10)
    monkeypatch.setattr(masks, "_SMALL", 0)

    assert torch.equal(masks.whole_matrix_mask(scores, 0.4), whole)
    assert torch.equal(masks.row_mask(scores, 0.4), rows)
    assert torch.equal(masks.zero_pruned_(scores.clone(), whole), scores * whole)


def test_transposed_and_sliced_scores_are_read_in_their_own_order() -> None:
    scores = torch.arange(24.0).view(4, 6).T[::2]

    assert torch.equal(
        masks.whole_matrix_mask(scores, 0.5), masks.whole_matrix_mask(scores.clone(), 0.5)
    )
    assert torch.equal(masks.nm_mask(scores, 2, 4), masks.nm_mask(scores.contiguous(), 2, 4))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_one_entry_alone_is_never_pruned_exactly(share: float) -> None:
    one = torch.zeros(1, 1)

    assert masks.whole_matrix_mask(one, share).all()
    assert masks.row_mask(one, share).all()


def test_sparsity_zero_prunes_nothing_under_either_rule() -> None:
    zeros = torch.zeros(3, 4)

    assert masks.whole_matrix_mask(zeros, 0.0).all()
    assert masks.whole_matrix_mask(zeros, 0.0, tie_rule="reference").all()


def test_columns_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"task\.pattern=2:4.*6 columns"):
        masks.nm_mask(torch.ones(2, 6), 2, 4)


def test_patterns_are_parsed() -> None:
    assert masks.parse_pattern("unstructured") is None
    assert masks.parse_pattern("4:8") == masks.Pattern(4, 8)
    assert masks.Pattern(2, 4).sparsity == 0.5
    assert str(masks.Pattern(2, 4)) == "2:4"


@pytest.mark.parametrize("text", ["1:4", "2-4", "2:", ":4", "0:0", "a:b", "-2:-4", "", "2:4:8"])
def test_a_pattern_that_is_unclear_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"task\.pattern="):
        masks.parse_pattern(text)


def test_nan_counts_as_largest_and_is_kept() -> None:
    scores = torch.tensor([[math.nan, 1.0, math.inf, 0.0]])

    assert masks.whole_matrix_mask(scores, 0.5).tolist() == [[True, False, True, False]]
    assert masks.row_mask(scores, 0.75).tolist() == [[True, False, False, False]]


def test_sparsity_is_over_all_entries_together() -> None:
    a, b = torch.tensor([True, False]), torch.tensor([[1, 1, 1, 0, 0, 0]], dtype=torch.uint8)

    assert masks.sparsity(a) == 0.5
    assert masks.sparsity({"a": a, "b": b}) == 0.5
    assert masks.sparsity({}) == 0.0


def test_pruned_entries_become_plain_zeros() -> None:
    weight = torch.tensor([[-1.0, math.inf, math.nan, 2.0]])

    masks.zero_pruned_(weight, torch.tensor([[0, 0, 0, 1]], dtype=torch.uint8))

    assert weight.tolist() == [[0.0, 0.0, 0.0, 2.0]]
    assert not weight.signbit().any()

"""The smallest of all tensors together go, counted exactly; masks only shrink."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from iterun.ops.global_masks import n_left, n_removed, permuted, prune_smallest

SHAPES = {"a": (3, 4), "b": (2, 3, 2, 2), "c": (5,)}


def drawn(seed: int, levels: int = 1000) -> dict[str, Tensor]:
    """Signed weights; few levels give many ties."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randint(-levels, levels + 1, shape, generator=generator) / 7
        for name, shape in SHAPES.items()
    }


def ones() -> dict[str, Tensor]:
    return {name: torch.ones(shape, dtype=torch.bool) for name, shape in SHAPES.items()}


def test_the_smallest_of_all_tensors_go_whatever_tensor_they_stand_in():
    """|w| = 5 1 | 3 2 9: the two smallest are 1 and 2."""
    weights = {"a": torch.tensor([5.0, -1.0]), "b": torch.tensor([[3.0, -2.0, 9.0]])}
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}

    found = prune_smallest(weights, masks, 2)

    assert found["a"].tolist() == [True, False]
    assert found["b"].tolist() == [[True, False, True]]


def test_ties_go_by_order_of_tensors_and_then_of_entries():
    weights = {"b": torch.ones(3), "a": torch.ones(2)}
    masks = {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}

    found = prune_smallest(weights, masks, 4)

    assert found["b"].tolist() == [False, False, False]
    assert found["a"].tolist() == [False, True]


@given(
    st.integers(0, 2**31), st.sampled_from([1, 3, 1000]), st.lists(st.integers(1, 9), max_size=4)
)
def test_masks_shrink_by_the_count_and_what_goes_is_smallest(seed, levels, counts):
    masks = ones()
    for k, n in enumerate(counts):
        weights = drawn(seed + k, levels)
        before, masks = masks, prune_smallest(weights, masks, n)

        gone = {name: before[name] & ~mask for name, mask in masks.items()}
        assert not any((mask & ~before[name]).any() for name, mask in masks.items())
        assert sum(int(entries.sum()) for entries in gone.values()) == n
        left = [weights[name][mask].abs() for name, mask in masks.items()]
        removed = [weights[name][entries].abs() for name, entries in gone.items()]
        assert torch.cat(removed).max() <= torch.cat(left).min()


def test_a_pruned_weight_that_grew_does_not_come_back():
    weights, masks = {"a": torch.tensor([9.0, 1.0, 2.0])}, {"a": torch.tensor([False, True, True])}

    assert prune_smallest(weights, masks, 1)["a"].tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("n", "p", "removed"),
    [(24576, 0.2, 4916), (25, 0.2, 5), (1, 0.2, 1), (10, 0.3, 3), (30, 0.1, 3)],
)
def test_the_count_is_the_ceiling_of_the_decimal_product(n, p, removed):
    assert n_removed(n, p) == removed


def test_the_published_count_is_of_the_tensors_left_out_as_well():
    """⌈0.2 · (100 + 20)⌉ = 24 of 100, then ⌈0.2 · (76 + 20)⌉ = 20 of 76."""
    assert n_left(100, 0.2, 2, n_never_pruned=20) == [100, 76, 56]


@given(st.integers(1, 10**6), st.sampled_from([0.1, 0.2, 0.5, 0.8]), st.integers(0, 60))
def test_each_level_has_what_the_one_before_left(n, p, levels):
    left = n_left(n, p, levels)

    assert all(b == a - math.ceil(round(p * a, 9)) for a, b in pairwise(left))
    assert left[-1] >= 1
    assert len(left) == levels + 1 or left[-1] - n_removed(left[-1], p) == 0


def test_a_permuted_mask_is_as_sparse_tensor_by_tensor_in_other_places():
    masks = prune_smallest(drawn(0), ones(), 20)

    found = permuted(masks, torch.Generator().manual_seed(0))

    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    assert {name: int(mask.sum()) for name, mask in found.items()} == counts
    assert {name: mask.shape for name, mask in found.items()} == {
        name: torch.Size(shape) for name, shape in SHAPES.items()
    }
    assert any(not torch.equal(mask, masks[name]) for name, mask in found.items())

"""Distances, angles and barriers worked by hand."""

import math

import pytest
import torch

from iterun.ops import stability

A = {"w": torch.tensor([3.0, 0.0, 7.0]), "v": torch.tensor([[1.0]])}
B = {"w": torch.tensor([0.0, 4.0, -7.0]), "v": torch.tensor([[1.0]])}
MASKS = {"w": torch.tensor([True, True, False]), "v": torch.tensor([[False]])}


def test_the_distance_is_of_kept_entries_of_all_tensors_together():
    """(3, -4) under the mask: 5; with v's difference of 12: 13."""
    further = B | {"v": torch.tensor([[13.0]])}

    assert stability.distance(A, B, MASKS) == 5.0
    assert stability.distance(A, further, MASKS | {"v": torch.tensor([[True]])}) == 13.0


def test_the_angle_is_in_degrees_under_the_mask():
    """(3, 0) and (0, 4) are square; (1, 0) and (1, 1) half of that."""
    half = {"w": torch.tensor([2.0, 2.0, 0.0]), "v": A["v"]}

    assert stability.angle(A, B, MASKS) == pytest.approx(90.0, abs=1e-9)
    assert stability.angle(A, half, MASKS) == pytest.approx(45.0, abs=1e-9)


def test_equal_networks_are_exactly_at_no_distance_and_angle():
    torch.manual_seed(0)
    weights = {"w": torch.randn(100, 100)}
    masks = {"w": torch.rand(100, 100) < 0.3}

    assert stability.distance(weights, weights, masks) == 0.0
    assert stability.angle(weights, weights, masks) == 0.0
    opposite = {"w": -weights["w"]}
    assert stability.angle(weights, opposite, masks) == pytest.approx(180.0)


def test_there_is_no_angle_to_a_network_of_zeros():
    assert stability.angle(A, {"w": torch.zeros(3), "v": A["v"]}, MASKS) is None


def test_the_barrier_is_the_highest_error_over_the_mean_of_the_ends():
    """err(α) = 0.1 + α(1 - α) + 0.2 α: ends 0.1 and 0.3, highest at α = 0.6 with 0.46."""
    seen = []

    def error(alpha: float) -> float:
        seen.append(alpha)
        return 0.1 + alpha * (1 - alpha) + 0.2 * alpha

    assert stability.barrier(error) == pytest.approx(0.46 - 0.2)
    assert seen == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]


def test_between_two_networks_the_ends_are_the_networks_themselves():
    torch.manual_seed(0)
    a = {"w": torch.randn(50), "n": torch.tensor(3)}
    b = {"w": torch.randn(50), "n": torch.tensor(5)}

    assert torch.equal(stability.between(a, b, 1.0)["w"], a["w"])
    assert torch.equal(stability.between(a, b, 0.0)["w"], b["w"])
    assert torch.allclose(stability.between(a, b, 0.5)["w"], (a["w"] + b["w"]) / 2)
    assert all(torch.equal(stability.between(a, a, k / 10)["w"], a["w"]) for k in range(11))
    assert math.isclose(float(stability.between(a, b, 0.3)["n"]), 3)

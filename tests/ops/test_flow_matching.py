"""Flow matching: the loss on lines, and the midpoint rule along them."""

from __future__ import annotations

import pytest
import torch

from iterun.ops.flow_matching import flow_loss, sample_flow


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_true_velocity_has_no_loss_and_a_wrong_one_its_square():
    x, noise, t = normal(5, 3), normal(5, 3, seed=1), torch.linspace(0, 1, 5)

    assert float(flow_loss(lambda z, t: x - noise, x, noise, t)) == 0
    assert float(flow_loss(lambda z, t: x - noise + 2, x, noise, t)) == pytest.approx(4)


def test_the_network_sees_the_point_of_the_line_that_belongs_to_the_time():
    """t = 0 is noise, t = 1 is data, also where samples are pictures."""
    x, noise, seen = normal(2, 1, 2, 2), normal(2, 1, 2, 2, seed=1), []

    flow_loss(lambda z, t: seen.append(z) or z, x, noise, torch.tensor([0.0, 1.0]))

    assert torch.equal(seen[0][0], noise[0])
    assert torch.equal(seen[0][1], x[1])


def test_the_midpoint_rule_is_exact_where_the_velocity_is_linear_in_time():
    """x' = 2 t + 1 from x_0 on ends at x_0 + 2."""
    start = normal(4, 2)

    end = sample_flow(lambda x, t: (2 * t + 1)[:, None].expand_as(x), start, steps=3)

    assert end == pytest.approx(start + 2, abs=1e-5)


def test_its_error_falls_as_the_square_of_the_step():
    """x' = x from 1 on ends at e."""
    one, e = torch.ones(1, 1, dtype=torch.float64), torch.e

    off = [abs(float(sample_flow(lambda x, t: x, one, steps=n)) - e) for n in (10, 20, 40)]

    assert off[0] / off[1] == pytest.approx(4, rel=0.1)
    assert off[1] / off[2] == pytest.approx(4, rel=0.1)

"""Nets side by side: gradients, optimizers, and independence of one another."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from iterun.ops.stacked_net import Optimizer, StackedNet, drawn, n_parameters


def rngs(*seeds):
    return [np.random.default_rng(seed) for seed in seeds]


@pytest.mark.parametrize("widths", [[5, 3], [5, 4, 6, 3]])
def test_gradients_are_those_of_torch(widths):
    draw = np.random.default_rng(0)
    rows = drawn(widths, rngs(1, 2), None) + 0.1
    x, y = draw.normal(size=(2, 7, 5)), draw.integers(3, size=(2, 7))
    net = StackedNet(widths, rows)

    net.differentiate(x, y)

    for s in range(2):
        flat = torch.tensor(rows[s], requires_grad=True)
        h, at = torch.tensor(x[s]), 0
        for k, (n, m) in enumerate(pairwise(widths)):
            w, b = flat[at : at + n * m].reshape(n, m), flat[at + n * m : at + n * m + m]
            h = (h if k == 0 else h.relu()) @ w + b
            at += n * m + m
        loss = F.cross_entropy(h, torch.tensor(y[s]))
        loss.backward()
        assert net.loss(x, y)[s] == pytest.approx(loss.item())
        assert net.gradient[s] == pytest.approx(flat.grad.numpy())


@pytest.mark.parametrize(("kind", "theirs"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam)])
def test_optimizers_are_those_of_torch(kind, theirs):
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(2, 6))
    parameter = torch.nn.Parameter(torch.tensor(rows))
    ours, optimizer = Optimizer(kind), theirs([parameter], lr=0.1)

    for rate in (0.1, 0.05, 0.2):
        gradient = draw.normal(size=rows.shape)
        parameter.grad, optimizer.param_groups[0]["lr"] = torch.tensor(gradient), rate
        optimizer.step()
        ours.update(rows, gradient, rate)

    assert rows == pytest.approx(parameter.detach().numpy())


def test_a_seeds_weights_do_not_depend_on_the_others():
    together, alone = drawn([4, 3], rngs(1, 2), 3.0), drawn([4, 3], rngs(2), 3.0)

    assert (together[1] == alone[0]).all()
    assert together.shape == (2, n_parameters([4, 3])) == (2, 15)


def test_first_weights_have_the_spread_asked_for_and_hes_none_in_biases():
    wide = drawn([400, 50], rngs(0), 3.0)
    he = drawn([400, 50], rngs(0), None)

    assert wide.std() == pytest.approx(3, rel=0.02)
    assert he[0, :-50].std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert not he[0, -50:].any()

"""Gradient norms of optimizer steps: the values, and what a run gets of them."""

from __future__ import annotations

import pytest
import torch

from iterun.models.gradient_norms import FILE, GradientNorms


class Host:
    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def append(self, name, rows):
        assert name == FILE
        self.rows += rows


def gradients(*values: float):
    return [torch.tensor(values), None, torch.full((2, 2), 3.0)]


def test_both_norms_are_over_all_tensors_together():
    host, norms = Host(), GradientNorms(l1=True)

    norms.see(0, gradients(4.0, -2.0))
    means = norms.tell(host)

    flat = torch.tensor([4.0, -2.0, 3, 3, 3, 3])
    assert host.rows[0]["step"] == 0
    assert host.rows[0]["grad_norm"] == pytest.approx(float(flat.norm()))
    assert host.rows[0]["grad_norm_l1"] == pytest.approx(float(flat.abs().sum()))
    assert means == {name: host.rows[0][name] for name in ("grad_norm", "grad_norm_l1")}


def test_half_precision_gradients_are_summed_in_float32():
    host, norms = Host(), GradientNorms(l1=True)

    norms.see(0, [torch.full((30_000,), 4.0, dtype=torch.float16)] * 2)

    assert norms.tell(host)["grad_norm_l1"] == pytest.approx(240_000, rel=1e-3)


def test_means_are_of_the_steps_since_the_last_time():
    host, norms = Host(), GradientNorms(l1=False)
    for step, norm in enumerate((1.0, 3.0)):
        norms.add(step, norm)

    assert norms.tell(host) == {"grad_norm": 2.0}
    assert norms.tell(host) == {}
    norms.add(2, 5.0)
    assert norms.tell(host) == {"grad_norm": 5.0}
    assert host.rows == [{"step": k, "grad_norm": x} for k, x in enumerate((1.0, 3.0, 5.0))]


def test_a_step_without_a_finite_gradient_is_left_out():
    host, norms = Host(), GradientNorms(l1=True)

    norms.see(0, [torch.tensor([float("nan"), 1.0])])
    norms.see(1, [torch.tensor([float("inf")])])
    norms.see(2, [torch.tensor([2.0])])

    assert norms.tell(host)["grad_norm"] == 2
    assert [row["step"] for row in host.rows] == [2]


def test_what_an_iteration_has_so_far_goes_on_after_a_resume():
    norms = GradientNorms(l1=True)
    norms.see(0, gradients(1.0))
    again = GradientNorms(l1=True)

    again.restore(norms.state())
    for one in (norms, again):
        one.see(1, gradients(2.0))

    first, second = Host(), Host()
    assert norms.tell(first) == again.tell(second)
    assert first.rows == second.rows
